import pytest
import torch

from agreement import assert_equal_in_float32, assert_near_in_bfloat16, relative_error
from fill_rule import EVA02, VIT, eva02_in_published_keys, vit_picture
from llm2clip_export.checkpoints.vision_families import read_vision
from llm2clip_export.references.vision import reference_image_embeddings
from llm2clip_export.towers.eva02_vit import EVA02ViT, rotary_frequencies
from published_eva02 import write_eva02

FREQUENCIES = rotary_frequencies(head_dim=64)


def read(path, precision="as-stored"):
    return read_vision(path, precision)[0]


def random_pixels(batch: int, side: int = 42) -> torch.Tensor:
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(batch))


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("tables", [True, False])
def test_equals_the_formulas(tmp_path, saved, tables, batch):
    checkpoint = read(write_eva02(tmp_path, layers=3, tables=tables), "float32")
    assert checkpoint.geometry["half_rotations"] == tables
    assert_equal_in_float32(
        saved(checkpoint.weights)(random_pixels(batch)), reference_image_embeddings(checkpoint, random_pixels(batch))
    )


def test_half_rotations_show_at_the_size_of_the_published_tower(tmp_path, saved):
    # Otherwise the flag could do nothing and every test would pass.
    results = [
        saved(read(write_eva02(tmp_path / str(tables), tables=tables, image_size=224), "float32").weights, f"{tables}.pt")(
            random_pixels(2, 224)
        )
        for tables in (True, False)
    ]
    assert 1e-6 < relative_error(*results) < 1e-2


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_is_near_the_formulas_in_half_precisions(tmp_path, saved, precision):
    path = write_eva02(tmp_path, layers=3)
    ours = saved(read(path, precision).weights)(random_pixels(4))
    assert ours.dtype == getattr(torch, precision)
    assert_near_in_bfloat16(ours, reference_image_embeddings(read(path, "float32"), random_pixels(4)))


def test_the_tiny_network_gives_the_measured_values(tmp_path, saved):
    tensors = eva02_in_published_keys()
    checkpoint = read(write_eva02(tmp_path, **VIT, tables=False, adapter_width=None, dtype=torch.float32, tensors=tensors))
    expected = torch.tensor([EVA02])
    torch.testing.assert_close(saved(checkpoint.weights)(vit_picture()), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(reference_image_embeddings(checkpoint, vit_picture()), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "side, patch, place, entries, expected",
    [
        (336, 14, (1, 1), [0, 1, 2, 15], [0.666666687, 0.374894232, 0.210818514, 0.000118551965]),
        (224, 16, (1, 1), [0, 1], [1.14285719, 0.642675817]),
        (336, 14, (23, 23), [0], [15.3333330]),
    ],
)
def test_rotations_have_the_measured_angles(side, patch, place, entries, expected):
    # reference.md 11.2 numbers the entries of the table, where each angle stands twice: [0, 2, 4, 30].
    with torch.device("meta"):
        tower = EVA02ViT(
            image_size=side, patch_size=patch, width=64, layers=0, heads=1, mlp_width=8, embedding_dim=4,
            frequencies=FREQUENCIES, half_rotations=False,
        )  # fmt: skip
    angles = tower.angles(torch.empty(0))[place[0] * (side // patch) + place[1]]
    torch.testing.assert_close(angles[entries], torch.tensor(expected), rtol=2e-7, atol=0)
    assert torch.equal(angles[:16], angles[16:])


def test_rows_are_turned_before_columns(tmp_path):
    with torch.device("meta"):
        tower = EVA02ViT(
            image_size=42, patch_size=14, width=64, layers=0, heads=1, mlp_width=8, embedding_dim=4, frequencies=FREQUENCIES,
            half_rotations=False,
        )
    second_of_first_row = tower.angles(torch.empty(0))[1]
    assert second_of_first_row[:16].abs().max() == 0 and second_of_first_row[16:].abs().min() > 0


def test_an_image_of_another_size_is_an_error(tmp_path, saved):
    tower = saved(read(write_eva02(tmp_path), "float32").weights)
    with pytest.raises(RuntimeError, match="size of tensor"):
        tower(torch.zeros(1, 3, 56, 56))
