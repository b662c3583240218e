import pytest

from llm2clip_export.sources import published_as

COMMIT = "ecfb347eb3dcfeb2fbc2a2eae7de6ac5a001aaf8"


def test_the_hubs_cache_tells_repository_and_commit(tmp_path):
    directory = tmp_path / "models--microsoft--LLM2CLIP-Openai-B-16" / "snapshots" / COMMIT
    directory.mkdir(parents=True)
    (directory / "model.safetensors").touch()
    for path in (directory, directory / "model.safetensors"):
        assert published_as(path, "?") == ("microsoft/LLM2CLIP-Openai-B-16", COMMIT)


@pytest.mark.parametrize("commits, expected", [([COMMIT, COMMIT], COMMIT), ([COMMIT, "0" * 40], ""), (["x"], ""), ([], "")])
def test_a_download_to_a_directory_tells_the_commit(tmp_path, commits, expected):
    records = tmp_path / ".cache" / "huggingface" / "download"
    records.mkdir(parents=True)
    for index, commit in enumerate(commits):
        (records / f"{index}.metadata").write_text(f"{commit}\netag\n1700000000.0\n")
    assert published_as(tmp_path, "LLM2CLIP-Openai-B-16") == ("LLM2CLIP-Openai-B-16", expected)
