import pytest

from llm2clip_export.checkpoints.config import Config
from llm2clip_export.errors import CheckpointError


def read(directory, text: str) -> Config:
    (directory / "config.json").write_text(text)
    return Config.read(directory)


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "\x00"])
def test_refuses_what_is_no_json_object(tmp_path, text):
    with pytest.raises(CheckpointError, match="config.json: "):
        read(tmp_path, text)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", '"2"', "true", "null"])
def test_integers_are_positive_integers(tmp_path, value):
    config = read(tmp_path, f'{{"vision_config": {{"width": {value}}}}}').section("vision_config")
    with pytest.raises(CheckpointError, match="vision_config.width: expected a positive integer"):
        config.integer("width")


def test_absent_values_take_their_default(tmp_path):
    config = read(tmp_path, '{"a": null}')
    assert (config.integer("a", 3), config.number("b", 0.5), config.choice("c", ["x"], "x")) == (3, 0.5, "x")
    assert config.section("d").values == {}


def test_a_disagreement_names_both_sides(tmp_path):
    with pytest.raises(CheckpointError, match="config.json: hidden_size: is 7, but embed.weight says 8"):
        read(tmp_path, '{"hidden_size": 7}').agree("hidden_size", 8, "embed.weight")


@pytest.mark.parametrize(
    "name, expected", [('"org/Model"', "org/Model"), ('"/mnt/x"', "Folder"), ('"./x"', "Folder"), ('""', "Folder"), ("3", "Folder")]
)  # fmt: skip
def test_paths_of_the_author_are_no_repository(tmp_path, name, expected):
    (tmp_path / "Folder").mkdir()
    assert read(tmp_path / "Folder", f'{{"_name_or_path": {name}}}').repository == expected
