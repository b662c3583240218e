"""Names in place of folders: what is fetched from a Hub on loopback, and what is refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants, file_download

from hub_server import Hub, Repository, running_hub
from llm2clip_export.cli import main
from llm2clip_export.hub import fetch
from llm2clip_export.hub.names import HubName, hub_name
from llm2clip_export.parts import read_parts
from llm2clip_export.progress import Progress
from llm2clip_export.request import Request
from published_eva02 import write_eva02
from published_layout import write_text, write_vision
from test_families import FAMILIES

VISION, TEXT = "microsoft/LLM2CLIP-Openai-B-16", "microsoft/LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned"
CARD = "---\nlicense: {}\ntags:\n- clip\n---\n# A model\n"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with running_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(fetch, "WAITS", (0.01, 0.01))
        monkeypatch.setattr(fetch, "FIRST_WAITS", (0.01,))
        # A cut loses no more than what is read at a time.
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 900)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.chdir(tmp_path)
        yield server


def publish(hub: Hub, name: str, write, license: str = "apache-2.0", **options) -> Repository:
    folder = Path("published") / name
    write(folder)
    (folder / "README.md").write_text(CARD.format(license))
    # What no export reads.
    (folder / "pytorch_model.bin").write_bytes(bytes(9000))
    (folder / "training_args.txt").write_text("x")
    hub.repositories[name] = Repository(folder, **options)
    return hub.repositories[name]


def fetch_parts(vision: str = "", text: str = "", lora: str = "") -> Request:
    """Only what comes before an export."""
    paths = [Path(name) if name else None for name in (vision, text, lora)]
    request = Request(Path("m"), vision=paths[0], text=paths[1], lora=[path for path in paths[2:] if path])
    return fetch.fetched(request, Progress(quiet=False))


def refusal(capsys, *arguments: str) -> tuple[int, str]:
    code = main([*arguments, "-o", "m"])
    assert not Path("m").exists()
    return code, capsys.readouterr().err.splitlines()[-1]


def manifest() -> dict:
    return json.loads(Path("m/llm2clip.json").read_text())


@pytest.mark.parametrize("family", FAMILIES)
def test_of_every_family_what_an_export_reads_is_fetched(hub, family):
    write_image_side, write_text_side, _ = FAMILIES[family]
    publish(hub, "o/vision", write_image_side)
    publish(hub, "o/text", write_text_side)
    names = {"vision": "o/vision", "text": "o/text"}
    if (lora := Path("published/o/lora")).exists():
        hub.repositories["o/lora"] = Repository(lora)
        names["lora"] = "o/lora"
    request = fetch_parts(**names)
    for part, folder in [("vision", request.vision), ("text", request.text), *(("lora", path) for path in request.lora)]:
        published = hub.repositories[names[part]].files()
        unread = {"pytorch_model.bin", "training_args.txt", "tokenizer_config.json", "special_tokens_map.json"}
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            name: content for name, content in published.items() if name not in unread
        }
    read_parts(request)


def test_an_export_of_names_is_that_of_folders_and_says_where_they_come_from(hub):
    publish(hub, VISION, write_vision)
    publish(hub, TEXT, write_text, "other\nlicense_name: llama3")
    assert main(["--vision", VISION, "--text", TEXT, "-o", "m"]) == 0
    folders = [f"published/{name}" for name in (VISION, TEXT)]
    assert main(["--vision", folders[0], "--text", folders[1], "-o", "local"]) == 0
    manifest, local = (json.loads(Path(folder, "llm2clip.json").read_text()) for folder in ("m", "local"))
    assert manifest["files"] == local["files"]
    assert [manifest[part]["source"] for part in ("vision", "text")] == [
        {"repository": name, "revision": hub.repositories[name].commit} for name in (VISION, TEXT)
    ]
    assert manifest["extra"]["licenses"] == {"vision": "apache-2.0", "adapter": "apache-2.0", "text": "llama3"}


def test_a_second_time_nothing_is_fetched(hub, capsys):
    publish(hub, TEXT, write_text)
    first = fetch_parts(text=TEXT)
    assert "license: apache-2.0" in capsys.readouterr().err
    sent = hub.sent.total()
    assert fetch_parts(text=TEXT) == first
    assert "0.0 MB of it to be fetched" in capsys.readouterr().err
    assert hub.sent.total() == sent


def test_a_connection_that_breaks_off_goes_on_where_it_was(hub, capsys):
    repository = publish(hub, TEXT, write_text)
    repository.cuts["model.safetensors"] = 2
    repository.refusals = 1
    fetch_parts(text=TEXT)
    assert capsys.readouterr().err.count("broke off") == 3
    assert hub.sent["model.safetensors"] == len(repository.files()["model.safetensors"])


def test_what_has_come_is_taken_up_by_the_next_export(hub, capsys):
    repository = publish(hub, TEXT, write_text)
    repository.cuts["model.safetensors"] = 3
    code, line = refusal(capsys, "--text", TEXT)
    assert code == 9 and "what has come so far is kept" in line
    repository.cuts.clear()
    fetch_parts(text=TEXT)
    assert hub.sent["model.safetensors"] == len(repository.files()["model.safetensors"])


def test_a_file_with_another_digest_is_fetched_once_more(hub, capsys):
    repository = publish(hub, TEXT, write_text)
    repository.swapped["model.safetensors"] = 1
    fetch_parts(text=TEXT)
    assert "model.safetensors was damaged" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_file_that_stays_damaged_is_refused_and_not_kept(hub, capsys, file):
    repository = publish(hub, TEXT, write_text)
    repository.swapped[file] = 2
    code, line = refusal(capsys, "--text", TEXT)
    assert code == 5 and f"{file}: expected the digest" in line
    fetch_parts(text=TEXT)


def test_damage_in_the_cache_is_found(hub):
    publish(hub, TEXT, write_text)
    fetch_parts(text=TEXT)
    blob = next(Path("cache").glob("models--*/snapshots/*/model.safetensors")).resolve()
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + b"\0")
    fetch_parts(text=TEXT)
    assert blob.read_bytes() == whole


def test_a_commit_is_held_to(hub, capsys):
    repository = publish(hub, TEXT, write_text)
    assert fetch_parts(text=f"{TEXT}@{repository.commit}").text.name == repository.commit
    code, line = refusal(capsys, "--text", f"{TEXT}@{'1' * 40}")
    assert code == 5 and f"no branch, tag or commit {'1' * 40}" in line


def test_a_gated_repository_is_refused_before_anything_is_fetched(hub, capsys, monkeypatch):
    repository = publish(hub, TEXT, write_text, token="hf_secret")
    publish(hub, VISION, write_vision)
    code, line = refusal(capsys, "--vision", VISION, "--text", TEXT)
    assert code == 5 and f"ask for access at {hub.url}/{TEXT}" in line and "HF_TOKEN" in line
    assert not hub.sent
    monkeypatch.setenv("HF_TOKEN", repository.token)
    fetch_parts(vision=VISION, text=TEXT)
    assert repository.token not in capsys.readouterr().err


def test_a_name_that_the_hub_does_not_show_is_refused(hub, capsys):
    publish(hub, TEXT, write_text, token="hf_secret", private=True)
    for name in ("models/nowhere", TEXT):
        code, line = refusal(capsys, "--text", name)
        assert code == 5 and line.startswith(f"llm2clip-export: {name}: is no folder here and no repository")


def test_without_a_network_it_says_what_to_do(hub, capsys, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    code, line = refusal(capsys, "--text", TEXT)
    assert code == 9 and "cannot be reached" in line and "Connection refused" in line and "HTTPS_PROXY" in line


def test_without_a_network_the_cache_serves(hub, capsys, monkeypatch):
    publish(hub, TEXT, write_text)
    fetch_parts(text=TEXT)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    fetch_parts(text=TEXT)
    assert "goes on with what the cache has" in capsys.readouterr().err


def test_too_full_a_disk_is_refused_first(hub, capsys, monkeypatch):
    publish(hub, TEXT, write_text)
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 90, 10))
    code, line = refusal(capsys, "--text", TEXT)
    assert code == 6 and "HF_HOME" in line and not hub.sent


def test_towers_that_do_not_belong_together_are_refused(hub, capsys):
    code, line = refusal(capsys, "--vision", "microsoft/LLM2CLIP-EVA02-B-16", "--text", "meta-llama/Llama-3.1-8B-Instruct")
    assert code == 5 and "LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned; give that with --text" in line
    assert not hub.asked


def test_a_text_tower_of_another_width_is_refused_by_its_config(hub, capsys):
    publish(hub, "o/vision", write_vision)
    publish(hub, "o/Llama-3-Instruct", lambda folder: write_text(folder, width=32))
    code, line = refusal(capsys, "--vision", "o/vision", "--text", "o/Llama-3-Instruct")
    assert code == 5 and "hidden_size: 32, but the adapter" in line
    assert hub.sent["model.safetensors"] == len(hub.repositories["o/vision"].files()["model.safetensors"])


def test_one_of_several_checkpoints_is_named(hub, capsys):
    def write_two(folder):
        write_eva02(folder, name="one.pt")
        write_eva02(folder, name="two.pt", seed=7)

    publish(hub, "o/two", write_two)
    code, line = refusal(capsys, "--vision", "o/two")
    assert code == 5 and "name one: o/two/one.pt" in line
    assert fetch_parts(vision="o/two/two.pt").vision.name == "two.pt"
    assert not hub.sent["one.pt"]


def test_a_repository_without_weights_is_refused(hub, capsys):
    publish(hub, "o/empty", lambda folder: folder.mkdir(parents=True))
    code, line = refusal(capsys, "--vision", "o/empty")
    assert code == 5 and "expected model.safetensors or a .pt file; it has pytorch_model.bin" in line


def test_offline_takes_the_cache_and_asks_nobody(hub, tmp_path):
    publish(hub, TEXT, lambda folder: write_text(folder, shards=2, dtype=torch.bfloat16))

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "llm2clip_export.cli", "--text", TEXT, "-o", tmp_path / "m"]
        environment = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "cache")}
        exporter = Path(__file__).resolve().parents[1]
        return subprocess.run(command, capture_output=True, text=True, cwd=exporter, env=os.environ | environment)

    refused = run()
    assert refused.returncode == 5 and "HF_HUB_OFFLINE is set" in refused.stderr
    fetch_parts(text=TEXT)
    asked = len(hub.asked)
    done = run()
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("llm2clip-export: ") for line in done.stderr.splitlines())
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    "path, name",
    [
        ("o/n", HubName("o/n")),
        ("o/n/a.pt@v1.0", HubName("o/n", "a.pt", "v1.0")),
        ("o/n@refs/pr/1", HubName("o/n", "", "refs/pr/1")),
        *((path, None) for path in ("n", "/o/n", "./o/n/x", "../o/n", ".o/n", "o/n/folder", "o/n/a/b.pt", "~/n")),
    ],
)  # fmt: skip
def test_what_is_a_name_on_the_hub(tmp_path, monkeypatch, path, name):
    monkeypatch.chdir(tmp_path)
    assert hub_name(Path(path)) == name
    Path("o/n").mkdir(parents=True)
    assert hub_name(Path("o/n")) is None
