"""Whole exports of small checkpoints."""

import hashlib
import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from agreement import assert_equal_in_float32, assert_near_in_bfloat16
from llm2clip_export import export as export_module
from llm2clip_export import goldens, record
from llm2clip_export.errors import CheckpointError, OutputError
from llm2clip_export.export import export
from llm2clip_export.golden_inputs import TEXTS
from llm2clip_export.progress import Progress
from llm2clip_export.request import Request
from published_eva02 import write_eva02
from published_layout import write_text, write_vision
from published_lora import write_lora

HALVES = {"bfloat16", "float16"}
IN_HALVES = {f"{stage}_{half}" for stage in ("hidden_states", "caption_embedding", "text_embedding") for half in HALVES}
IMAGE_TENSORS = {"pixels", "image_embedding", "image_embedding_bfloat16", "image_embedding_float16"}
TENSORS = {
    "token_ids", "token_counts", "pooled_counts", "hidden_states", "caption_embedding", "text_embedding", "score",
} | IMAGE_TENSORS | IN_HALVES  # fmt: skip


def exported(folder, **request):
    export(Request(folder / "m", **request), Progress(quiet=True))
    return folder / "m"


def manifest_of(model) -> dict:
    return json.loads((model / "llm2clip.json").read_text())


@torch.inference_mode()
def check_goldens(model, check) -> None:
    """Runs every stage of the saved towers on the goldens' inputs, as the C++ side does."""
    golden = load_file(model / "golden.safetensors")
    manifest = manifest_of(model)
    if "vision" in manifest:
        vision = torch.jit.load(model / "vision.pt")
        check(vision(golden["pixels"]).float(), golden["image_embedding"])
    if "text" in manifest:
        text = torch.jit.load(model / "text.pt")
        rows = golden["token_ids"].split(golden["token_counts"].tolist())
        states = [text(ids[None])[0].float() for ids in rows]
        check(states[0], golden["hidden_states"])
        counts = golden["pooled_counts"].tolist()
        captions = torch.stack([x[-k:].mean(0) for x, k in zip(states, counts, strict=True)])
        check(captions, golden["caption_embedding"])
        if "adapter" in manifest:
            check(torch.jit.load(model / "adapter.pt")(captions).float(), golden["text_embedding"])


def check_files(model) -> None:
    manifest = manifest_of(model)
    there = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == there - {"llm2clip.json"}
    for name, entry in manifest["files"].items():
        content = (model / name).read_bytes()
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("text_layout", [{}, {"prefix": "model.", "shards": 3}], ids=["single", "sharded"])
def test_both_towers(tmp_path, vision, text_layout):
    write_text(tmp_path / "text", **text_layout)
    model = exported(tmp_path, vision=vision, text=tmp_path / "text")
    manifest = manifest_of(model)
    assert list(manifest) == [
        "format", "name", "created_with", "embedding_dim", "score_scale", "vision", "text", "adapter", "files", "extra",
    ]  # fmt: skip
    assert (manifest["format"], manifest["embedding_dim"], manifest["score_scale"]) == (2, 24, 100.0)
    assert manifest["name"] == "llm2clip-openai-b-16"
    assert manifest["created_with"] == {"llm2clip_export": "0.1.0", "torch": "2.13.0", "transformers": "4.57.6"}
    assert manifest["vision"] == {
        "file": "vision.pt", "precision": "float32", "image_size": 42,
        "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711],
        "resize": "bicubic", "order": "hf", "resize_passes": "pillow-11",
        "source": {"repository": "LLM2CLIP-Openai-B-16", "revision": ""},
    }  # fmt: skip
    assert manifest["text"] == {
        "file": "text.pt", "precision": "float32", "width": 64, "max_tokens": 512,
        "tokenizer": {"file": "tokenizer.json", "kind": "byte_level_bpe"},
        "prompt": {
            "prefix": "<|start_header_id|>user<|end_header_id|>\n\n", "suffix": "<|eot_id|>", "separator": "!@#$%^&*()",
        },
        "pooling": "caption_and_suffix",
        "source": {"repository": "LLM2CLIP-Llama-3-8B-Instruct-CC-Finetuned", "revision": ""},
    }  # fmt: skip
    assert manifest["adapter"] == {
        "file": "adapter.pt", "precision": "float32", "width": 64,
        "source": {"repository": "LLM2CLIP-Openai-B-16", "revision": ""},
    }  # fmt: skip
    check_files(model)
    assert (model / "tokenizer.json").read_bytes() == (tmp_path / "text" / "tokenizer.json").read_bytes()
    golden = load_file(model / "golden.safetensors")
    assert set(golden) == TENSORS
    count = len(TEXTS)
    assert json.loads((model / "golden" / "texts.json").read_text()) == TEXTS
    assert golden["score"].shape == (3, count) and golden["token_counts"].shape == (count,)
    assert golden["token_ids"].dtype == torch.int64 and golden["token_counts"].max() == 512
    check_goldens(model, assert_equal_in_float32)


def test_with_llama3s_own_vocabulary(tmp_path, vision, llama3_tokenizer):
    write_text(tmp_path / "text", vocab_from=llama3_tokenizer)
    model = exported(tmp_path, vision=vision, text=tmp_path / "text")
    golden = load_file(model / "golden.safetensors")
    first = golden["token_ids"][: golden["token_counts"][0]].tolist()
    assert first[:5] == [128000, 128006, 882, 128007, 271] and first[-1] == 128009
    check_goldens(model, assert_equal_in_float32)


def test_vision_alone_brings_the_adapter_along(tmp_path, vision):
    model = exported(tmp_path, vision=vision)
    manifest = manifest_of(model)
    assert "text" not in manifest and manifest["adapter"]["width"] == 64
    assert set(load_file(model / "golden.safetensors")) == IMAGE_TENSORS
    assert not (model / "golden" / "texts.json").exists()
    check_files(model)


def test_vision_alone_without_adapter(tmp_path):
    write_vision(tmp_path / "v", adapter_width=None)
    assert "adapter" not in manifest_of(exported(tmp_path, vision=tmp_path / "v"))


def test_text_alone(tmp_path, text):
    model = exported(tmp_path, text=text)
    manifest = manifest_of(model)
    assert "vision" not in manifest and "adapter" not in manifest
    assert manifest["embedding_dim"] == 64
    assert set(load_file(model / "golden.safetensors")) == {
        "token_ids", "token_counts", "pooled_counts", "hidden_states", "caption_embedding",
    } | {name for name in IN_HALVES if not name.startswith("text_embedding")}  # fmt: skip
    check_files(model)
    check_goldens(model, assert_equal_in_float32)


def test_precision_holds_for_all_parts(tmp_path, vision, text):
    model = exported(tmp_path, vision=vision, text=text, precision="bfloat16")
    manifest = manifest_of(model)
    assert {manifest[part]["precision"] for part in ("vision", "text", "adapter")} == {"bfloat16"}
    check_goldens(model, assert_near_in_bfloat16)


def test_goldens_are_float32_of_the_exported_weights(tmp_path, vision, text):
    # A float16 export must verify in float32 as well, which is what a CPU computes in.
    model = exported(tmp_path, vision=vision, text=text, precision="float16")
    golden = load_file(model / "golden.safetensors")
    tower = torch.jit.load(model / "vision.pt").to(torch.float32)
    assert_equal_in_float32(tower(golden["pixels"]), golden["image_embedding"])


def test_names_and_revisions_are_recorded(tmp_path, vision, text):
    model = exported(
        tmp_path, vision=vision, text=text, name="mine", prompt="llama3",
        source_repository={"vision": "org/v", "text": "org/t"}, source_revision={"vision": "abc", "text": "def"},
    )  # fmt: skip
    manifest = manifest_of(model)
    assert manifest["name"] == "mine"
    assert manifest["vision"]["source"] == manifest["adapter"]["source"] == {"repository": "org/v", "revision": "abc"}
    assert manifest["text"]["source"] == {"repository": "org/t", "revision": "def"}


def test_the_same_checkpoints_give_the_same_files(tmp_path, vision, text):
    digests = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        digests.append(manifest_of(exported(tmp_path / name, vision=vision, text=text))["files"])
    assert digests[0] == digests[1]


def refusal(folder, error=CheckpointError, **request) -> str:
    with pytest.raises(error) as caught:
        exported(folder, **request)
    assert not (folder / "m").exists()
    assert not [name for name in os.listdir(folder) if "partial" in name]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_adapter_of_another_width_is_refused(tmp_path, vision):
    write_text(tmp_path / "text", width=32)
    message = refusal(tmp_path, vision=vision, text=tmp_path / "text")
    assert str(vision) in message and "64" in message and str(tmp_path / "text") in message and "32" in message


def test_a_text_tower_needs_an_adapter_to_meet_a_vision_tower(tmp_path, text):
    write_vision(tmp_path / "v", adapter_width=None)
    assert "has no adapter" in refusal(tmp_path, vision=tmp_path / "v", text=text)


def test_a_vocabulary_larger_than_the_embedding_is_refused(tmp_path):
    write_text(tmp_path / "text", vocabulary=100)
    assert "tokenizer.json: has token ids up to" in refusal(tmp_path, text=tmp_path / "text")


def test_an_unknown_text_model_needs_its_prompt_said(tmp_path):
    write_text(tmp_path / "text", config={"_name_or_path": "someone/llama"})
    assert "say it with --prompt" in refusal(tmp_path, text=tmp_path / "text")
    model = exported(tmp_path, text=tmp_path / "text", prompt="none")
    assert manifest_of(model)["text"]["prompt"] == {"prefix": "", "suffix": "", "separator": "!@#$%^&*()"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("boom")])
def test_nothing_is_left_when_it_fails_midway(tmp_path, vision, text, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(export_module.manifest, "write", fail)
    refusal(tmp_path, error=(OutputError, RuntimeError), vision=vision, text=text)


def test_a_weight_that_is_not_a_number_is_named(tmp_path):
    key = "vision_model.post_layernorm.bias"
    write_vision(tmp_path / "v", tensors={key: torch.full((128,), float("nan"))})
    assert f"model.safetensors: {key} has NaN" in refusal(tmp_path, vision=tmp_path / "v")


# ---- sharing, leaving out, mixing


def test_a_text_tower_is_shared_by_link(tmp_path, vision, text):
    write_vision(tmp_path / "other", seed=9)
    (tmp_path / "b").mkdir()
    first = exported(tmp_path, vision=vision, text=text)
    second = exported(tmp_path / "b", vision=tmp_path / "other", text_from=first)
    for name in ("text.pt", "tokenizer.json"):
        assert (second / name).samefile(first / name)
    assert manifest_of(second)["text"] == manifest_of(first)["text"]
    assert manifest_of(second)["extra"]["sources"]["text"] == manifest_of(first)["extra"]["sources"]["text"]
    check_files(second)
    check_goldens(second, assert_equal_in_float32)
    assert set(load_file(second / "golden.safetensors")) == TENSORS


def test_a_shared_text_tower_may_lie_on_another_file_system(tmp_path, vision, text, monkeypatch):
    def refuse(*arguments):
        raise OSError(18, "Invalid cross-device link")

    first = exported(tmp_path, text=text)
    (tmp_path / "b").mkdir()
    monkeypatch.setattr(os, "link", refuse)
    second = exported(tmp_path / "b", vision=vision, text_from=first)
    assert (second / "text.pt").is_symlink() and (second / "text.pt").resolve() == (first / "text.pt").resolve()
    check_files(second)


def test_a_text_tower_of_a_directory_of_format_1_is_shared(tmp_path, vision, text):
    first = exported(tmp_path, text=text)
    content = manifest_of(first)
    content["embedding_size"] = content.pop("embedding_dim")
    (first / "llm2clip.json").write_text(json.dumps(content | {"format": 1}))
    (tmp_path / "b").mkdir()
    second = exported(tmp_path / "b", vision=vision, text_from=first)
    assert manifest_of(second)["format"] == 2
    assert (second / "text.pt").samefile(first / "text.pt")


def test_a_shared_text_tower_must_fit_and_be_whole(tmp_path, vision):
    write_text(tmp_path / "narrow", width=32)
    first = exported(tmp_path, text=tmp_path / "narrow")
    (tmp_path / "b").mkdir()
    message = refusal(tmp_path / "b", vision=vision, text_from=first)
    assert f"{vision / 'model.safetensors'}: the adapter takes captions of 64 components" in message
    assert f"{first / 'text.pt'} gives 32" in message
    (first / "text.pt").write_bytes(b"short")
    told = refusal(tmp_path / "b", vision=vision, text_from=first)
    assert f"{first / 'text.pt'}: is missing or not as llm2clip.json says" in told
    assert "llm2clip.json: is missing" in refusal(tmp_path / "b", vision=vision, text_from=tmp_path / "narrow")


def test_vision_only_leaves_the_adapter_out(tmp_path, vision):
    model = exported(tmp_path, vision=vision, vision_only=True)
    assert set(manifest_of(model)) >= {"vision"} and "adapter" not in manifest_of(model)
    assert not (model / "adapter.pt").exists()


def test_text_only_keeps_the_adapter(tmp_path, vision, text):
    model = exported(tmp_path, vision=vision, text=text, text_only=True)
    manifest = manifest_of(model)
    assert "vision" not in manifest and manifest["embedding_dim"] == 24 and manifest["adapter"]["width"] == 64
    assert "text_embedding" in load_file(model / "golden.safetensors") and not (model / "vision.pt").exists()
    check_goldens(model, assert_equal_in_float32)


def test_an_adapter_may_come_from_another_checkpoint(tmp_path, text):
    write_vision(tmp_path / "early", adapter_width=None)
    write_vision(tmp_path / "late")
    model = exported(tmp_path, vision=tmp_path / "early", adapter=tmp_path / "late", text=text)
    assert manifest_of(model)["adapter"]["source"]["repository"] == "late"
    check_goldens(model, assert_equal_in_float32)


def test_an_adapter_of_another_embedding_size_is_refused(tmp_path, vision):
    write_eva02(tmp_path / "eva02", embedding_dim=40)
    message = refusal(tmp_path, vision=tmp_path / "eva02", adapter=vision)
    assert f"{vision / 'model.safetensors'}: the adapter gives embeddings of 24 components" in message
    assert f"{tmp_path / 'eva02' / 'LLM2CLIP-EVA02-L-14-336.pt'} gives 40" in message


def test_a_checkpoint_without_adapter_cannot_give_one(tmp_path, vision):
    write_vision(tmp_path / "early", adapter_width=None)
    assert "has no adapter" in refusal(tmp_path, vision=vision, adapter=tmp_path / "early")


# ---- running again


def test_running_again_does_nothing(tmp_path, vision, text, capsys):
    model = exported(tmp_path, vision=vision, text=text)
    before = {path: path.stat().st_mtime_ns for path in model.rglob("*")}
    export(Request(model, vision=vision, text=text), Progress(quiet=False))
    assert {path: path.stat().st_mtime_ns for path in model.rglob("*")} == before
    assert "is there already, made of the same files" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"name": "other"}, {"precision": "bfloat16"}, {"doc_max_length": 100}])
def test_running_again_otherwise_asks_for_a_word(tmp_path, vision, text, change):
    model = exported(tmp_path, vision=vision, text=text)
    with pytest.raises(OutputError, match="--overwrite"):
        export(Request(model, vision=vision, text=text, **change), Progress(quiet=True))
    export(Request(model, vision=vision, text=text, overwrite=True, **change), Progress(quiet=True))


def refused(model, **request) -> str:
    with pytest.raises(OutputError) as caught:
        export(Request(model, **request), Progress(quiet=True))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{model}: exists already and is another export: ").partition(";")[0]


def write_loras(folder, text) -> list:
    for seed, name in enumerate("ab"):
        write_lora(folder / name, load_file(text / "model.safetensors"), seed=seed)
    return [folder / name for name in "ab"]


def test_another_lora_is_another_model(tmp_path, text):
    a, b = write_loras(tmp_path, text)
    model = exported(tmp_path, text=text, lora=[a])
    before = (model / "text.pt").read_bytes()
    assert "lora[0].adapter_model.safetensors is of SHA-256" in refused(model, text=text, lora=[b])
    assert refused(model, text=text) == "lora is a list of 1, empty now"
    assert refused(model, text=text, lora=[a, b]) == "lora is a list of 1, a list of 2 now"
    assert (model / "text.pt").read_bytes() == before
    export(Request(model, text=text, lora=[a]), Progress(quiet=True))
    export(Request(model, text=text, lora=[a, b], overwrite=True), Progress(quiet=True))
    assert (model / "text.pt").read_bytes() != before
    assert "lora[0].adapter_model.safetensors" in refused(model, text=text, lora=[b, a])


def test_a_lora_that_is_scaled_otherwise_is_another_model(tmp_path, text):
    a, _ = write_loras(tmp_path, text)
    model = exported(tmp_path, text=text, lora=[a])
    write_lora(a, load_file(text / "model.safetensors"), seed=0, alpha=16)
    assert "lora[0].adapter_config.json is of SHA-256" in refused(model, text=text, lora=[a])


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_published_file_that_changed_is_another_model(tmp_path, vision, text, file):
    model = exported(tmp_path, vision=vision, text=text)
    if file == "model.safetensors":
        write_text(text, seed=44)
    else:
        (text / file).write_text((text / file).read_text() + "\n")
    assert refused(model, vision=vision, text=text).startswith(f"sources.text.{file} is of SHA-256 ")


def test_goldens_of_another_reference_are_another_model(tmp_path, text, monkeypatch):
    model = exported(tmp_path, text=text)
    known = record.version
    monkeypatch.setattr(record, "version", lambda name: "0.1" if name == "tokenizers" else known(name))
    assert refused(model, text=text) == f"goldens.text.tokenizers is '{known('tokenizers')}', '0.1' now"
    monkeypatch.undo()
    monkeypatch.setattr(goldens, "FORMAT", 3)
    assert refused(model, text=text) == "goldens.text.format is 2, 3 now"


def test_an_export_of_before_all_was_recorded_is_not_taken_for_the_same(tmp_path, text):
    model = exported(tmp_path, text=text)
    content = manifest_of(model)
    del content["extra"]["lora"], content["extra"]["goldens"]
    (model / "llm2clip.json").write_text(json.dumps(content))
    assert refused(model, text=text) == "its exporter recorded less of what it was made of"


def test_another_prompt_or_preprocessing_is_another_model(tmp_path, vision, text):
    model = exported(tmp_path, vision=vision, text=text)
    assert "text.prompt.prefix is '<|start_header_id|>user" in refused(model, vision=vision, text=text, prompt="none")
    write_eva02(tmp_path / "eva02")
    other = refused(model, vision=tmp_path / "eva02", text=text, name="llm2clip-openai-b-16", precision="float32")
    assert other == "vision.order is 'hf', 'torchvision' now"


def test_a_shared_text_tower_that_was_exported_anew_is_another_model(tmp_path, vision, text):
    a, b = write_loras(tmp_path, text)
    first = exported(tmp_path, text=text, lora=[a])
    (tmp_path / "sharing").mkdir()
    second = exported(tmp_path / "sharing", vision=vision, text_from=first)
    export(Request(second, vision=vision, text_from=first), Progress(quiet=True))
    export(Request(first, text=text, lora=[b], overwrite=True), Progress(quiet=True))
    assert "lora[0].adapter_model.safetensors is of SHA-256" in refused(second, vision=vision, text_from=first)
    # As an exporter of before LoRA was recorded left both.
    for model in (first, second):
        content = manifest_of(model)
        del content["extra"]["lora"]
        (model / "llm2clip.json").write_text(json.dumps(content | {"extra": content["extra"] | {"lora": []}}))
    assert refused(second, vision=vision, text_from=first).startswith("files.text.pt is of SHA-256 ")


def test_overwrite_always_writes(tmp_path, text):
    model = exported(tmp_path, text=text)
    before = (model / "text.pt").stat()
    export(Request(model, text=text, overwrite=True), Progress(quiet=True))
    assert (model / "text.pt").stat().st_ino != before.st_ino


def test_what_a_killed_export_left_is_named(tmp_path, text, capsys):
    left = tmp_path / ".m.partial-0123abcd"
    left.mkdir()
    export(Request(tmp_path / "m", text=text), Progress(quiet=False))
    assert f"{left}: was left by an export that was killed, or belongs to one that runs" in capsys.readouterr().err
    assert left.is_dir() and (tmp_path / "m" / "llm2clip.json").is_file()


def test_running_again_names_the_file_that_was_damaged(tmp_path, text):
    model = exported(tmp_path, text=text)
    (model / "golden" / "texts.json").write_text("[]")
    assert refused(model, text=text) == "golden/texts.json is not as llm2clip.json says"


def test_running_again_mends_what_was_damaged(tmp_path, vision, text):
    model = exported(tmp_path, vision=vision, text=text)
    whole = (model / "adapter.pt").read_bytes()
    (model / "adapter.pt").write_bytes(whole[:-1] + b"x")
    export(Request(model, vision=vision, text=text, overwrite=True), Progress(quiet=True))
    assert (model / "adapter.pt").read_bytes() == whole


def test_the_published_files_are_recorded(tmp_path, vision, text):
    sources = manifest_of(exported(tmp_path, vision=vision, text=text))["extra"]["sources"]
    digest = hashlib.sha256((text / "tokenizer.json").read_bytes()).hexdigest()
    assert sources["text"]["tokenizer.json"]["sha256"] == digest
    assert set(sources) == {"vision", "adapter", "text"} and set(sources["vision"]) == {"config.json", "model.safetensors"}
    assert set(sources["text"]) == {"config.json", "model.safetensors", "tokenizer.json"}


def test_a_disk_that_fills_leaves_nothing_half_made(tmp_path, vision, text):
    # The process may write files of 100 kB at most; the towers are larger.
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "from llm2clip_export.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "--vision", vision, "--text", text, "-o", tmp_path / "m", "-q"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 6, done.stderr
    assert "vision.pt: cannot be written" in done.stderr and done.stderr.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["text", "vision"]
