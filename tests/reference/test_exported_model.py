"""The way of a published model: export, verify against the reference's values, embed, classify."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from processors import AVX2
from published import ROOT, export, write_checkpoints

from llm2clip_export.checkpoints.llama import read_llama_repository  # isort: skip
from llm2clip_export.checkpoints.vision_families import read_vision  # isort: skip

# The model card's example, and its answer's order for this random model is of no matter: it has to run.
CHINESE_LABELS = ["示意图", "狗", "猫"]


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def model(request, tmp_path_factory) -> Path:
    """A small random model with its own vocabulary of 300, stored in each precision."""
    folder = tmp_path_factory.mktemp(f"exported-{request.param}")
    write_checkpoints("--vision", folder / "vision", "--text", folder / "text", "--dtype", request.param, "--seed", 3)
    export("--vision", folder / "vision", "--text", folder / "text", "-o", folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def llama_model(assets, tmp_path_factory) -> Path:
    """A small random model with Llama-3's vocabulary of 128256."""
    folder = tmp_path_factory.mktemp("exported-llama")
    write_checkpoints("--vision", folder / "vision", "--text", folder / "text", "--vocab-from",
                      assets / "tokenizer.json", "--rope-scaling", "--seed", 4)
    export("--vision", folder / "vision", "--text", folder / "text", "-o", folder / "model")
    return folder / "model"


def run(binary: Path, *arguments) -> str:
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stages(binary: Path, model: Path, *flags: str) -> dict[str, dict]:
    lines = run(binary, "verify", "-m", model, "--json", *flags).splitlines()
    return {line["stage"]: line for line in map(json.loads, lines)}


ALL_STAGES = {"pixels", "image embedding", "token ids", "pooled counts", "hidden states", "caption embedding",
              "text embedding", "score"}


@pytest.mark.parametrize("optimize", ["always", "never"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_stage_agrees_with_the_reference(binary, model, precision, optimize):
    reports = stages(binary, model, "--precision", precision, "--optimize", optimize)
    assert set(reports) == ALL_STAGES
    for name, report in reports.items():
        print(precision, name, report)


# Vision family, then what the writer of checkpoints and the exporter are told for its text tower.
FAMILIES: dict[str, tuple[str, list[Any], list[str]]] = {
    "openai": ("openai", ["--shards", 4, "--dtype", "bfloat16"], []),
    "eva02": ("eva02", ["--shards", 4], []),
    "eva02 with Llama 3.2 1B": ("eva02", ["--rope-scaling", "--name", "LLM2CLIP-Llama-3.2-1B-Instruct-CC-Finetuned"], []),
    "siglip2 with LoRA": ("siglip2", ["--rope-scaling", "--name", "meta-llama/Llama-3.1-8B-Instruct"], ["--lora"]),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_exported_verified_embedded_and_classified(binary, tmp_path, name):
    family, text_form, lora = FAMILIES[name]
    adapter = [*lora, tmp_path / "lora"] if lora else []
    write_checkpoints("--vision", tmp_path / "vision", "--family", family)
    write_checkpoints("--text", tmp_path / "text", *text_form, *adapter)
    export("--vision", tmp_path / "vision", "--text", tmp_path / "text", *adapter, "-o", tmp_path / "model")
    for optimize in ("always", "never"):
        assert set(stages(binary, tmp_path / "model", "--optimize", optimize)) == ALL_STAGES
    pictures = sorted((tmp_path / "model" / "golden").glob("*.png"))
    rows = [json.loads(line) for line in run(binary, "embed-image", "-m", tmp_path / "model", *pictures, "-q").splitlines()]
    rows += [json.loads(line) for line in run(binary, "embed-text", "-m", tmp_path / "model", "-t", "a dog", "-q").splitlines()]
    for row in rows:
        assert sum(value**2 for value in row["embedding"]) == pytest.approx(1, abs=1e-5)
    line = run(binary, "classify", "-m", tmp_path / "model", pictures[0], "--label", "dog", "--label", "cat", "--json", "-q")
    assert {entry["label"] for entry in json.loads(line)["labels"]} == {"dog", "cat"}


# What the towers become with two layers each. A tower that changes its form falls out of a pattern and gets slower,
# which no other test would tell.
OPERATORS = {
    "openai": "4 add_layer_norm 2 attention 2 layer_norm 1 patches 10 product",
    "eva02": "4 add_layer_norm 2 attention 3 layer_norm 1 patches 10 product 4 rotate_neighbors 2 silu_mul_layer_norm",
    "siglip2": "5 add_layer_norm 3 attention 1 layer_norm 1 patches 14 product",
}
TEXT_OPERATORS = "4 add_rms_norm 2 attention 8 product 1 rms_norm 4 rotate_halves 2 silu_mul"


def counts(operators: str) -> dict[str, int]:
    words = operators.split()
    return {name: int(count) for count, name in zip(words[::2], words[1::2], strict=True)}


def assert_optimized_with(told: str, file: str, expected: str) -> None:
    """Products that read their weights in place are not merged, so there are more of them. That of the patches is in
    float32 where weights of 16 bits are, and is laid out where a processor is faster so."""
    found = counts(told.split(f"{file}: optimized with ")[1].splitlines()[0])
    wanted = counts(expected)
    in_place = found.pop("stored_product", 0)
    products = wanted.pop("product")
    assert found.pop("product", 0) in ((0, wanted.get("patches", 0)) if in_place else (products,))
    assert not in_place or in_place >= products
    assert found == wanted


@pytest.mark.parametrize("family", OPERATORS)
def test_every_family_is_optimized_whole(binary, tmp_path, family):
    write_checkpoints("--vision", tmp_path / "vision", "--family", family, "--text", tmp_path / "text")
    export("--vision", tmp_path / "vision", "--text", tmp_path / "text", "-o", tmp_path / "model")
    picture = next((tmp_path / "model" / "golden").glob("*.png"))
    for arguments, file, operators in [
        (["embed-image", picture], "vision.pt", OPERATORS[family]),
        (["embed-text", "-t", "a dog"], "text.pt", TEXT_OPERATORS),
    ]:
        command = [binary, *arguments, "-m", tmp_path / "model"]
        told = subprocess.run([*command, "-v"], capture_output=True, text=True, check=True).stderr
        assert_optimized_with(told, file, operators)
        told = subprocess.run([*command, "-v", "--optimize", "never"], capture_output=True, text=True, check=True).stderr
        assert "optimized with" not in told and "not optimized (as asked)" in told


def widened(model: Path, part: str, checkpoint: Path, keys: dict[str, str]) -> None:
    """Puts the values that the part's file stores into the published checkpoint, in float32."""
    stored = torch.jit.load(model / f"{part}.pt").state_dict()
    published = load_file(checkpoint / "model.safetensors")
    for name, key in keys.items():
        layer = name.removesuffix(".weight")
        value, scale = stored[name].float(), stored.get(f"{layer}.scale")
        if scale is not None:
            minimum = stored.get(f"{layer}.minimum")
            if minimum is not None:  # two columns a byte, the even one in the low half
                value = torch.stack([value % 16, (value / 16).floor()], dim=-1).flatten(1)
            grouped = value.view(*scale.shape[:2], -1) * scale.float().view(*scale.shape[:2], 1)
            value = (grouped if minimum is None else grouped + minimum.float()).flatten(1)
        published[key] = value
    save_file(published, checkpoint / "model.safetensors")


def rows_of(binary: Path, model: Path, pictures: list[Path], folder: Path) -> np.ndarray:
    """Of texts and images, in float32, each with optimizing and without."""
    rows = []
    for optimize in ("always", "never"):
        flags = ["-m", model, "--precision", "float32", "--optimize", optimize, "--no-normalize", "-q", "--overwrite", "-o"]
        run(binary, "embed-text", "-t", "a dog on a beach", "-t", "x", "-t", "two", *flags, folder / "rows.npy")
        rows.append(np.load(folder / "rows.npy"))
        run(binary, "embed-image", *pictures, *flags, folder / "rows.npy")
        rows.append(np.load(folder / "rows.npy"))
    return np.concatenate(rows)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_weights_of_few_bits_give_the_rows_of_their_values_in_float32(binary, tmp_path, precision):
    vision, text = tmp_path / "vision", tmp_path / "text"
    write_checkpoints("--vision", vision, "--text", text, "--seed", 6, "--dtype", "bfloat16")
    both = ["--vision", vision, "--text", text]
    export(*both, "--text-precision", precision, "--vision-precision", precision, "-o", tmp_path / "few")
    keys = {"text": read_llama_repository(text, "as-stored").weights.keys,
            "vision": read_vision(vision, "as-stored")[0].weights.keys}  # fmt: skip
    for part in keys:
        widened(tmp_path / "few", part, tmp_path / part, keys[part])
    export(*both, "--precision", "float32", "-o", tmp_path / "wide")
    pictures = sorted((tmp_path / "few" / "golden").glob("*.png"))
    ours, expected = (rows_of(binary, tmp_path / name, pictures, tmp_path) for name in ("few", "wide"))
    assert np.abs(ours - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_a_model_of_few_bits_is_verified_and_says_what_it_is(binary, tmp_path, precision):
    write_checkpoints("--vision", tmp_path / "vision", "--text", tmp_path / "text", "--dtype", "bfloat16")
    export("--vision", tmp_path / "vision", "--text", tmp_path / "text", "--text-precision", precision, "-o", tmp_path / "model")
    for computed in ("float32", "bfloat16", "int8-dynamic", "int16-dynamic"):
        reports = stages(binary, tmp_path / "model", "--precision", computed)
        assert set(reports) == ALL_STAGES and all(report["ok"] for report in reports.values())
    info = json.loads(run(binary, "info", "-m", tmp_path / "model", "--json"))
    assert info["text"]["precision"] == precision
    assert {matrix["bits"] for matrix in info["text"]["quantized"]["matrices"]} >= {int(precision[3:])}
    assert "matrices by bits" in run(binary, "info", "-m", tmp_path / "model")
    run(binary, "embed-text", "-m", tmp_path / "model", "-t", "a dog", "-o", tmp_path / "rows.npy", "-q")
    recorded = json.loads((tmp_path / "rows.npy.run.json").read_text())
    assert precision in json.dumps(recorded)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_rounded_rows_stay_near_those_of_float32_and_apart(binary, tmp_path, precision):
    write_checkpoints("--vision", tmp_path / "vision", "--text", tmp_path / "text", "--seed", 6, "--dtype", "bfloat16")
    export("--vision", tmp_path / "vision", "--text", tmp_path / "text", "--text-precision", precision, "-o", tmp_path / "model")
    texts = ["a dog on a beach", "two", "a cat in a tree", "a red chair at dusk"]

    def rows(computed: str, *captions: str) -> np.ndarray:
        flags = [flag for text in captions for flag in ("-t", text)]
        # The adapter computes in what is fast here.
        run(binary, "embed-text", "-m", tmp_path / "model", *flags, "--precision", computed, "--no-adapter", "-q",
            "--overwrite", "-o", tmp_path / "rows.npy")  # fmt: skip
        return np.load(tmp_path / "rows.npy")

    exact = rows("float32", *texts)
    assert '"computed_in": "float32"' in (tmp_path / "rows.npy.run.json").read_text()
    for computed, farthest in [("int8-dynamic", 1e-3), ("int16-dynamic", 1e-6)]:
        dynamic = rows(computed, *texts)
        assert (dynamic * exact).sum(1).min() > 1 - farthest and not np.array_equal(dynamic, exact)
        for row, text in zip(dynamic, texts, strict=True):
            assert np.array_equal(rows(computed, text)[0], row)
        assert f'"computed_in": "{computed}"' in (tmp_path / "rows.npy.run.json").read_text()


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_auto_rounds_rows_to_16_bits_where_that_is_faster_than_float32(binary, tmp_path, precision):
    write_checkpoints("--text", tmp_path / "text", "--dtype", "bfloat16")
    export("--text", tmp_path / "text", "--text-only", "--text-precision", precision, "-o", tmp_path / "model")

    def computed_in(*flags: str, **held: str) -> tuple[str, str]:
        rows = tmp_path / "rows.npy"
        command = [binary, "embed-text", "-m", tmp_path / "model", "-t", "a dog", "--no-adapter", "-q", "--overwrite"]
        subprocess.run([*command, "-o", rows, *flags], check=True, env={**os.environ, **AVX2, **held})
        recorded = Path(f"{rows}.run.json").read_text()
        (precision,), (reason,) = (re.findall(f'{name}": "(.*)"', recorded) for name in ("computed_in", "computed_in_reason"))
        return precision, reason

    if "avx2" in Path("/proc/cpuinfo").read_text():
        assert computed_in() == ("int16-dynamic", "this processor multiplies bfloat16 slowly, and integers of 16 bits faster "
                                 "than float32")  # fmt: skip
    assert computed_in("--optimize", "never")[0] == "float32"
    assert computed_in("--precision", "float32")[0] == "float32"
    assert computed_in(LLM2CLIP_MAX_CPU_ISA="DEFAULT")[0] == "float32"


def refusal(binary: Path, *arguments) -> tuple[int, str]:
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("computed", ["int8-dynamic", "int16-dynamic"])
def test_rounding_rows_is_refused_where_it_means_nothing(binary, demo_model, tmp_path, computed):
    command = ["embed-text", "-m", demo_model, "-t", "a dog", "-o", tmp_path / "rows.npy", "--precision", computed]
    code, message = refusal(binary, *command)
    assert code == 2 and f"precision: {computed} is for weights of 8 or 4 bits" in message and "--text-precision int8" in message
    code, message = refusal(binary, *command, "--optimize", "never")
    assert code == 2 and f"{computed} is not for a program as it was exported" in message
    assert not (tmp_path / "rows.npy").exists()


def test_llama_3s_vocabulary_goes_all_the_way(binary, llama_model, assets):
    assert set(stages(binary, llama_model)) == ALL_STAGES
    labels = [flag for label in CHINESE_LABELS for flag in ("--label", label)]
    line = json.loads(run(binary, "classify", "-m", llama_model, assets / "CLIP.png", *labels, "--json", "-q"))
    assert {entry["label"] for entry in line["labels"]} == set(CHINESE_LABELS)
    assert sum(entry["score"] for entry in line["labels"]) == pytest.approx(1)


def test_the_demo_model_agrees_with_the_reference(binary, demo_model):
    assert set(stages(binary, demo_model)) == ALL_STAGES
    run(binary, "verify", "-m", demo_model, "--files")


def test_chinese_labels_run_on_the_demo_model(binary, demo_model, assets):
    labels = [flag for label in CHINESE_LABELS for flag in ("--label", label)]
    assert run(binary, "classify", "-m", demo_model, assets / "CLIP.png", *labels).count("\n") == 4


def test_the_demo_model_knows_what_it_never_saw(binary, demo_model, tmp_path):
    """Far from chance (1 %), far below what models/README.md measures: a broken path fails, noise does not."""
    draw = ROOT / "models" / "demo_source" / "draw_demo_images.py"
    subprocess.run([ROOT / ".venv" / "bin" / "python", draw, tmp_path, "--count", "60", "--seed", "11"], check=True,
                   capture_output=True)
    truth = json.loads((tmp_path / "truth.json").read_text())["images"]
    lines = run(binary, "classify", "-m", demo_model, "-r", tmp_path, "--labels", tmp_path / "labels.txt",
                "--template", "a photo of a {}.", "--top-k", "1", "--json", "-q").splitlines()
    answers = {Path(line["id"]).name: line["labels"][0]["label"] for line in map(json.loads, lines)}
    assert sum(answers[name] == label for name, label in truth.items()) >= 36
