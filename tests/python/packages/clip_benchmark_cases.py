"""CLIP_benchmark's own loader and metrics over llm2clip.clip_benchmark, against `llm2clip evaluate`."""

import io
import json
import subprocess
import tarfile

import pytest
import torch
from clip_benchmark.datasets.builder import build_dataset, image_captions_collate_fn
from clip_benchmark.metrics import zeroshot_classification, zeroshot_retrieval
from clip_benchmark.models import load_clip
from PIL import Image, ImageDraw

LABELS = ["red circle", "green square", "blue circle", "brown square"]
TEMPLATES = ["a photo of a {}.", "an image of a {}"]


@pytest.fixture(scope="module")
def loaded(llm2clip, demo_model):
    from llm2clip import clip_benchmark as ours

    ours.register()
    return load_clip("llm2clip", str(demo_model), "", "", "cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Eight drawings, a folder a label."""
    folder = tmp_path_factory.mktemp("files")
    for index in range(8):
        color, shape = LABELS[index % 4].split()
        image = Image.new("RGB", (64, 64), "white")
        draw = getattr(ImageDraw.Draw(image), "ellipse" if shape == "circle" else "rectangle")
        draw((8 + index, 8, 40 + index, 40 + index // 4), fill=color)
        (folder / f"{index % 4} {color} {shape}").mkdir(exist_ok=True)
        image.save(folder / f"{index % 4} {color} {shape}" / f"{index}.png")
    return folder


def caption(index: int) -> str:
    return f"a photo of a {LABELS[index % 4]}." if index < 4 else f"an image of {index} or a {LABELS[index % 4]}"


def webdataset(folder, files, **texts: str):
    """The drawings as CLIP_benchmark reads them, with their labels and a caption each."""
    (folder / "test").mkdir()
    with tarfile.open(folder / "test/0.tar", "w") as shard:
        for index in range(8):
            (png,) = files.glob(f"*/{index}.png")
            for ending, content in [("png", png.read_bytes()), ("cls", b"%d" % (index % 4)), ("txt", caption(index).encode())]:
                info = tarfile.TarInfo(f"{index:03}.{ending}")
                info.size = len(content)
                shard.addfile(info, io.BytesIO(content))
    for name, text in {"test/nshards": "1", **texts}.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def batches(folder, transform, task, collate):
    dataset = build_dataset("wds/small", root=str(folder), transform=transform, split="test", download=False, task=task)
    loader = torch.utils.data.DataLoader(dataset.batched(4, collation_fn=collate), batch_size=None, num_workers=1)
    return loader, dataset


def evaluate(binary, *arguments):
    done = subprocess.run([binary, "evaluate", *map(str, arguments), "--json", "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_accuracy_is_that_of_evaluate(binary, demo_model, loaded, files, tmp_path):
    model, transform, tokenizer = loaded
    folder = webdataset(tmp_path, files, classnames="\n".join(LABELS),
                        zeroshot_classification_templates="\n".join(template.replace("{}", "{c}") for template in TEMPLATES))
    loader, dataset = batches(folder, transform, "zeroshot_classification", torch.utils.data.default_collate)
    found = zeroshot_classification.evaluate(model, loader, tokenizer, dataset.classes, dataset.templates, "cpu", amp=False)
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    (tmp_path / "templates.txt").write_text("\n".join(TEMPLATES))
    ours = evaluate(binary, "zero-shot", "-m", demo_model, files, "--labels", tmp_path / "labels.txt", "--templates",
                    tmp_path / "templates.txt")
    assert found["acc1"] == pytest.approx(ours["top_1"]) and found["acc1"] > 0.4


def test_recall_is_that_of_evaluate(binary, demo_model, loaded, files, tmp_path):
    model, transform, tokenizer = loaded
    folder = webdataset(tmp_path, files, dataset_type="retrieval")
    loader, _ = batches(folder, transform, "zeroshot_retrieval", image_captions_collate_fn)
    found = zeroshot_retrieval.evaluate(model, loader, tokenizer, "cpu", amp=False, recall_k_list=[1, 5])
    pairs = [{"image": str(next(files.glob(f"*/{index}.png"))), "caption": caption(index)} for index in range(8)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    ours = evaluate(binary, "retrieval", "-m", demo_model, tmp_path / "pairs.jsonl")
    for k in (1, 5):
        assert found[f"image_retrieval_recall@{k}"] == pytest.approx(ours["text_to_image"][f"recall_at_{k}"])
        assert found[f"text_retrieval_recall@{k}"] == pytest.approx(ours["image_to_text"][f"recall_at_{k}"])
    assert ours["text_to_image"]["recall_at_5"] > 0.4
