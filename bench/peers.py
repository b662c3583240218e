#!/usr/bin/env python3
"""The programs that people use today, measured round by round (rounds.h). bench/run starts each in its environment.

    peers.py [--seconds 2] SUBCOMMAND ...

    transformers GEOMETRY PRECISION BATCH    CLIPVisionModelWithProjection with sdpa       (.venv)
    timm GEOMETRY PRECISION BATCH            EVA02                                         (.venv-timm)
    llm2vec FOLDER FILE                      LLM2Vec.encode of every line, 32 at a time    (.venv-llm2vec)
    jit-vision ARCHIVE SIDE BATCH            torch.jit.load, then forward                  (.venv)
    jit-load ARCHIVE                         torch.jit.load                                (.venv)
    pillow-resize FILE SIDE                  shortest edge to SIDE, bicubic                (.venv)
    pillow-decode-resize FILE SIDE           the same, decoding first                      (.venv)
    python-images MODEL BATCH THREADS LIB    our own Python package: arrays (480, 640, 3)   (.venv)
    python-texts MODEL FILE THREADS LIB      the same: every line in one call               (.venv)
    hf-processors-rs FILE SIDE               the same, cropped and normalized              (.venv)
    infinity-model GEOMETRY TOKENIZER DIR    a text tower for Infinity's server            (.venv-infinity)

GEOMETRY is JSON. Threads are OMP_NUM_THREADS, which torch takes over. Weights are random. Imports stand where they are
needed: no environment has all of them.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Does some work and returns how much.
Step = Callable[[], float]


Clock = Callable[[], float]


def repeat(seconds: float, step: Step, clock: Clock = time.perf_counter) -> dict[str, float]:
    """As in rounds.h."""
    start, work = clock(), 0.0
    while True:
        work += step()
        elapsed = clock() - start
        if elapsed >= seconds:
            return {"seconds": elapsed, "work": work}


def answer_rounds(
    about: dict[str, str], seconds: float, step: Step, clock: Clock = time.perf_counter, first: Callable | None = None
) -> None:
    """`first`: what pays once for what the first call prepares, where a whole step is long."""
    (first or step)()
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        print(json.dumps(repeat(seconds, step, clock)), flush=True)


def random_weights(model, dtype):
    """Small and normal; what a constructor draws takes a minute and would be of no other speed."""
    import torch

    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1_000_003, generator=generator).mul_(0.02)
    for weight in model.parameters():
        weight.requires_grad_(False)
        repeats = -(-weight.numel() // len(noise))
        weight.copy_(noise.repeat(repeats)[: weight.numel()].view_as(weight))
    return model.to(dtype).eval()


def infinity_model(options: argparse.Namespace) -> None:
    """Llama as sentence-transformers read it, which computes the same products whichever way its tokens look."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

    geometry = json.loads(options.geometry)
    part = Path(options.folder) / "llama"
    LlamaModel(LlamaConfig(**geometry)).save_pretrained(part)
    end = "<|eot_id|>"
    PreTrainedTokenizerFast(tokenizer_file=options.tokenizer, pad_token=end, eos_token=end).save_pretrained(part)
    tower = Transformer(str(part), max_seq_length=geometry["max_position_embeddings"])
    SentenceTransformer(modules=[tower, Pooling(geometry["hidden_size"])]).save(options.folder)


def vision_step(model: Callable, side: int, dtype, batch: int) -> Step:
    import torch

    pixels = torch.randn(batch, 3, side, side).to(dtype)

    def step() -> float:
        with torch.inference_mode():
            model(pixels)
        return batch

    return step


def clip_vision(geometry: dict[str, int], dtype):
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=geometry["width"], intermediate_size=4 * geometry["width"], num_hidden_layers=geometry["layers"],
        num_attention_heads=geometry["width"] // 64, image_size=geometry["image_size"],
        patch_size=geometry["patch_size"], projection_dim=geometry["embedding_dim"], attn_implementation="sdpa",
    )  # fmt: skip
    return random_weights(CLIPVisionModelWithProjection(config), dtype)


def transformers(options) -> None:
    import torch
    from transformers import __version__

    geometry, dtype = json.loads(options.geometry), getattr(torch, options.precision)
    about = {"transformers": __version__, "torch": torch.__version__}
    step = vision_step(clip_vision(geometry, dtype), geometry["image_size"], dtype, options.batch)
    answer_rounds(about, options.seconds, step)


def timm(options) -> None:
    import torch
    from timm import __version__
    from timm.models.eva import Eva

    geometry, dtype = json.loads(options.geometry), getattr(torch, options.precision)
    model = Eva(
        img_size=geometry["image_size"], patch_size=geometry["patch_size"], embed_dim=geometry["width"],
        depth=geometry["layers"], num_heads=geometry["width"] // 64, num_classes=geometry["embedding_dim"],
        qkv_fused=False, mlp_ratio=2.6667, swiglu_mlp=True, scale_mlp=True, scale_attn_inner=True,
        use_rot_pos_emb=True, ref_feat_shape=(16, 16), global_pool="token",
    )  # fmt: skip
    model = random_weights(model, dtype)
    about = {"timm": __version__, "torch": torch.__version__}
    answer_rounds(about, options.seconds, vision_step(model, geometry["image_size"], dtype, options.batch))


def llm2vec(options) -> None:
    import importlib.metadata

    import torch
    from llm2vec import LLM2Vec
    from llm2vec.models import LlamaBiModel
    from transformers import AutoConfig, AutoTokenizer
    from transformers.modeling_utils import no_init_weights

    # As tests/reference/llm2vec_vectors.py has it, in bfloat16 and with sdpa.
    tokenizer = AutoTokenizer.from_pretrained(
        options.folder, padding_side="left", model_input_names=["input_ids", "attention_mask"]
    )
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    config = AutoConfig.from_pretrained(options.folder, attn_implementation="sdpa")
    torch.set_default_dtype(torch.bfloat16)
    with no_init_weights():
        model = LlamaBiModel(config)
    random_weights(model, torch.bfloat16)
    model.config._name_or_path = "meta-llama/Meta-Llama-3-8B-Instruct"
    encoder = LLM2Vec(model, tokenizer, pooling_mode="mean", max_length=512, doc_max_length=512)
    with open(options.file, encoding="utf-8") as file:
        texts = file.read().splitlines()

    def step() -> float:
        encoder.encode(texts, batch_size=32, show_progress_bar=False, device="cpu")
        return len(texts)

    def first() -> None:
        encoder.encode(texts[:2], batch_size=32, show_progress_bar=False, device="cpu")

    about = {"llm2vec": importlib.metadata.version("llm2vec"), "torch": torch.__version__}
    answer_rounds(about, 0, step, first=first)


def jit_vision(options) -> None:
    import torch

    module = torch.jit.load(options.archive).eval()
    about = {"torch": str(torch.__version__)}
    answer_rounds(about, options.seconds, vision_step(module, options.side, torch.float32, options.batch))


def jit_load(options) -> None:
    import torch

    def step() -> float:
        torch.jit.load(options.archive)
        return 1

    answer_rounds({"torch": torch.__version__}, 0, step)


def pillow_resize(options) -> None:
    from PIL import Image, __version__

    picture = Image.open(options.file).convert("RGB")
    answer_rounds({"Pillow": __version__}, options.seconds, lambda: resize(picture, options.side), time.process_time)


def pillow_decode_resize(options) -> None:
    from PIL import Image, __version__

    def step() -> float:
        return resize(Image.open(options.file).convert("RGB"), options.side)

    answer_rounds({"Pillow": __version__}, options.seconds, step, time.process_time)


def hf_processors_rs(options) -> None:
    import hf_processors_rs as processors

    side = options.side
    processor = processors.AutoImageProcessor.from_dict(
        {
            "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": side}, "resample": 3,
            "crop_size": {"height": side, "width": side}, "do_resize": True, "do_center_crop": True, "do_rescale": True,
            "rescale_factor": 1 / 255, "do_normalize": True, "do_convert_rgb": True,
            "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        },
        backend="pil",
    )  # fmt: skip

    def step() -> float:
        processor([options.file], num_threads=1)
        return 1

    answer_rounds({"hf-processors-rs": processors.__version__}, options.seconds, step, time.process_time)


def package(options, *, vision: bool = True, text: bool = True):
    """Our model, as encode_bench has it."""
    import os
    from pathlib import Path

    os.environ["LLM2CLIP_LIBRARY"] = options.library
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
    import llm2clip

    llm2clip.set_threads(options.threads)
    return llm2clip.Model(options.model, expected_inputs=10_000, vision=vision, text=text)


def python_images(options) -> None:
    import numpy as np

    model = package(options, text=False)
    values = np.arange(1, options.batch * 480 * 640 * 3 + 1, dtype=np.uint32) * 7
    pixels = list(values.astype(np.uint8).reshape(options.batch, 480, 640, 3))
    answer_rounds({}, options.seconds, lambda: len(model.encode_image(pixels)))


def python_texts(options) -> None:
    model = package(options, vision=False)
    with open(options.file, encoding="utf-8") as file:
        texts = file.read().splitlines()
    answer_rounds({}, 0, lambda: len(model.encode_text(texts)), first=lambda: model.encode_text(texts[:1]))


def resize(picture, side: int) -> float:
    from PIL import Image

    scale = side / min(picture.size)
    picture.resize([round(length * scale) for length in picture.size], Image.Resampling.BICUBIC)
    return 1


def run_command(doc: str | None, commands: dict[str, tuple[Callable, dict[str, type]]]) -> None:
    """Runs the subcommand that the program's arguments name; commands: a function and its positionals, by name."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2)
    subparsers = parser.add_subparsers(required=True)
    for name, (function, positionals) in commands.items():
        command = subparsers.add_parser(name)
        for argument, kind in positionals.items():
            command.add_argument(argument, type=kind)
        command.set_defaults(run=function)
    options = parser.parse_args()
    options.run(options)


COMMANDS: dict[str, tuple[Callable, dict[str, type]]] = {
    "transformers": (transformers, {"geometry": str, "precision": str, "batch": int}),
    "timm": (timm, {"geometry": str, "precision": str, "batch": int}),
    "llm2vec": (llm2vec, {"folder": str, "file": str}),
    "jit-vision": (jit_vision, {"archive": str, "side": int, "batch": int}),
    "infinity-model": (infinity_model, {"geometry": str, "tokenizer": str, "folder": str}),
    "jit-load": (jit_load, {"archive": str}),
    "pillow-resize": (pillow_resize, {"file": str, "side": int}),
    "pillow-decode-resize": (pillow_decode_resize, {"file": str, "side": int}),
    "hf-processors-rs": (hf_processors_rs, {"file": str, "side": int}),
    "python-images": (python_images, {"model": str, "batch": int, "threads": int, "library": str}),
    "python-texts": (python_texts, {"model": str, "file": str, "threads": int, "library": str}),
}

if __name__ == "__main__":
    run_command(__doc__, COMMANDS)
