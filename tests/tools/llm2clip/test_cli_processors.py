"""The same answers on other processors: oneDNN, LibTorch and our own loops held down by their switches.

What a switch leaves is what a machine has that lacks the rest, for all that these tests see.
"""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch

from cli_support import assert_refused
from processors import AVX2

OLDEST = {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "LLM2CLIP_MAX_CPU_ISA": "DEFAULT"}
# AVX-512 without instructions for bfloat16: oneDNN does them with float32's, ten times as slowly.
EMULATING = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
PROCESSORS = {"as it is": {}, "avx2": AVX2, "oldest": OLDEST, "emulating": EMULATING}
TEXTS = [part for text in ("a red circle", "two green triangles", "a blue square left of it") for part in ("-t", text)]


@pytest.fixture(params=PROCESSORS.values(), ids=list(PROCESSORS))
def processor(request):
    return request.param


@pytest.fixture
def no_bfloat16(processor):
    if not processor:
        pytest.skip("this processor may multiply bfloat16 fast")
    return processor


@pytest.fixture(scope="session")
def bfloat16_model(demo_model, tmp_path_factory):
    """The demo model stored in bfloat16."""
    directory = tmp_path_factory.mktemp("bfloat16") / "demo"
    shutil.copytree(demo_model, directory)
    manifest = json.loads((directory / "llm2clip.json").read_text())
    for part in ("vision", "text", "adapter"):
        path = directory / manifest[part]["file"]
        module = torch.jit.load(str(path))
        for parameter in module.parameters():
            parameter.data = parameter.data.bfloat16()
        module.save(str(path))
        manifest[part]["precision"] = "bfloat16"
        content = path.read_bytes()
        manifest["files"][path.name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (directory / "llm2clip.json").write_text(json.dumps(manifest))
    return directory


def rows_of(result):
    assert result.code == 0, result.err
    return np.array([json.loads(line)["embedding"] for line in result.lines], dtype=np.float32)


def test_goldens_hold(run, demo_model, processor):
    done = run("verify", "-m", demo_model, **processor)
    assert done.code == 0, done.out + done.err


def test_bfloat16_weights_compute_in_float32_where_that_is_faster(run, bfloat16_model, no_bfloat16):
    automatic = run("embed-text", "-v", "-m", bfloat16_model, *TEXTS, **no_bfloat16)
    float32 = run("embed-text", "-m", bfloat16_model, *TEXTS, "--precision", "float32", **no_bfloat16)
    assert (rows_of(automatic) == rows_of(float32)).all()
    assert (
        "text.pt: bfloat16, computes in float32 on cpu (this processor multiplies bfloat16 slowly)" in automatic.err
    ), automatic.err
    assert "warning" not in automatic.err and float32.err.count("\n") == 1  # the summary


def test_bfloat16_weights_are_read_as_stored_where_that_is_fast(run, bfloat16_model):
    told = json.loads(run("info", "--json", "-m", bfloat16_model).out)["text"]
    if told["computes_in"] != "bfloat16":
        pytest.skip("this processor does not multiply bfloat16 fast: " + told["computes_in_reason"])
    assert told["computes_in_reason"] == "as stored; this processor multiplies it fast"
    done = run("embed-text", "-v", "-m", bfloat16_model, *TEXTS)
    assert "text.pt: bfloat16, computes in bfloat16 on cpu (as stored; this processor" in done.err


def test_a_named_precision_is_computed_with_a_warning(run, bfloat16_model, no_bfloat16):
    done = run("embed-text", "-m", bfloat16_model, *TEXTS, "--precision", "bfloat16", **no_bfloat16)
    float32 = run("embed-text", "-m", bfloat16_model, *TEXTS, "--precision", "float32", **no_bfloat16)
    assert (rows_of(done) * rows_of(float32)).sum(axis=1).min() > 0.999
    warnings = [line for line in done.err.splitlines() if "warning" in line]
    assert [line.split(": ", 2)[2] for line in warnings] == [
        f"{part}: computes in bfloat16 (as asked; this processor multiplies bfloat16 slowly)"
        for part in ("text.pt", "adapter.pt")
    ]


def test_the_log_claims_no_prepacking_that_was_not_done(run, bfloat16_model):
    done = run("embed-text", "-v", "-m", bfloat16_model, *TEXTS, "--precision", "bfloat16", **AVX2)
    lines = [line for line in done.err.splitlines() if "computes in bfloat16 on cpu" in line]
    assert len(lines) == 2
    for line in lines:
        assert "optimized, not prepacked (products read the weights where they lie)" in line


def test_info_says_what_is_computed_in_and_why(run, bfloat16_model, no_bfloat16):
    done = run("info", "-v", "-m", bfloat16_model, **no_bfloat16)
    assert done.code == 0
    for part in ("vision", "text", "adapter"):
        assert f"{part}.pt: computes in float32 here (this processor multiplies bfloat16 slowly)" in done.err
    told = json.loads(run("info", "--json", "-m", bfloat16_model, **no_bfloat16).out)["text"]
    assert (told["precision"], told["computes_in"]) == ("bfloat16", "float32")
    assert told["computes_in_reason"] == "this processor multiplies bfloat16 slowly"


def test_a_run_keeps_what_was_chosen_and_why(run, bfloat16_model, tmp_path):
    done = run("embed-text", "-m", bfloat16_model, *TEXTS, "-o", "rows.npy", **AVX2)
    assert done.code == 0, done.err
    provenance = json.loads((tmp_path / "rows.npy.run.json").read_text())["provenance"]
    assert provenance["computed_in"] == "float32"
    assert provenance["computing.computed_in_reason"] == "this processor multiplies bfloat16 slowly"
    named = ("embed-text", "-m", bfloat16_model, *TEXTS, "-o", "rows.npy", "--resume")
    assert run(*named, "--precision", "float32", **AVX2).code == 0
    assert_refused(run(*named, "--precision", "bfloat16", "-q", **AVX2), 6, "computed_in is float32 there")


def test_float16_needs_a_processor_that_has_it(run, demo_model):
    done = run("embed-text", "-m", demo_model, *TEXTS, "--precision", "float16", **AVX2)
    assert_refused(done, 7, "precision: float16 needs a CUDA device or a processor that multiplies it")


# Our own loops


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_loops_for_avx2_give_what_those_for_avx512_give(run, demo_model, pictures, precision):
    for command, inputs in (("embed-text", TEXTS), ("embed-image", pictures)):
        call = (command, "-q", "-m", demo_model, *inputs, "--precision", precision, "--threads", "1")
        narrow, wide = run(*call, LLM2CLIP_MAX_CPU_ISA="AVX2"), run(*call, LLM2CLIP_MAX_CPU_ISA="AVX512")
        assert narrow.code == 0, narrow.err
        if precision == "bfloat16":
            assert narrow.out == wide.out
        else:  # products are ours at AVX2, and oneDNN's at AVX-512
            assert np.abs(rows_of(narrow) - rows_of(wide)).max() < 1e-5


def test_loops_for_any_processor_give_nearly_the_same(run, demo_model, pictures):
    call = ("embed-image", "-m", demo_model, *pictures)
    plain = rows_of(run(*call, LLM2CLIP_MAX_CPU_ISA="DEFAULT"))
    assert np.abs(plain - rows_of(run(*call))).max() < 1e-5


def test_the_log_names_the_loops_and_a_name_that_is_none(run, demo_model):
    call = ("embed-text", "-v", "-m", demo_model, *TEXTS)
    assert "vector loops for DEFAULT" in run(*call, LLM2CLIP_MAX_CPU_ISA="DEFAULT").err
    wrong = run(*call, LLM2CLIP_MAX_CPU_ISA="avx-2")
    assert wrong.code == 0
    names = "AMX, AVX512_BF16, AVX512, AVX2_VNNI, AVX2 or DEFAULT"
    assert f'LLM2CLIP_MAX_CPU_ISA: expected {names}, got "avx-2"; nothing is held back' in wrong.err
