#!/usr/bin/env python3
"""Inference engines, and the models that llama.cpp reads. bench/run starts it in .venv-peers.

    engines.py [--seconds 2] SUBCOMMAND ...

    onnxruntime FILE SIDE BATCH              of a vision tower, measured round by round (rounds.h)
    openvino FILE SIDE BATCH PRECISION       the same; float32 or bfloat16
    llama FILE BATCHES                       embeddings of llama.cpp: [[texts, tokens], ...], as JSON
    write-gguf FILE GEOMETRY TYPE            a Llama with random weights: F16, BF16, Q8_0, Q4_0
    quantize-gguf FILE OUT TYPE              by llama.cpp's own quantizer, what the package gguf cannot: Q4_K_M

Threads are OMP_NUM_THREADS. LLAMA_CPP_LIB_PATH is another build of llama.cpp than the installed one. Imports stand where they
are needed: llama.cpp takes long to compile, and the others do without it.
"""

import ctypes
import json
import os
import random
from typing import Any

from peers import answer_rounds, run_command

# Tokens that llama.cpp computes at once, as its own programs do.
BATCH_TOKENS = 512


def threads() -> int:
    return int(os.environ["OMP_NUM_THREADS"])


# ---- Vision


def pixels(options) -> Any:
    import numpy as np

    return np.random.default_rng(0).standard_normal((options.batch, 3, options.side, options.side), np.float32)


def onnxruntime(options) -> None:
    import onnxruntime as engine

    how = engine.SessionOptions()
    how.intra_op_num_threads = threads()
    session = engine.InferenceSession(options.file, how, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: pixels(options)}

    def step() -> float:
        session.run(None, inputs)
        return options.batch

    answer_rounds({"ONNX Runtime": engine.__version__}, options.seconds, step)


def openvino(options) -> None:
    import openvino as engine

    hints = {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads(),
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[options.precision],
    }  # fmt: skip
    request = engine.Core().compile_model(options.file, "CPU", hints).create_infer_request()
    inputs = [pixels(options)]

    def step() -> float:
        request.infer(inputs, share_inputs=True)
        return options.batch

    answer_rounds({"OpenVINO": engine.__version__}, options.seconds, step)


# ---- llama.cpp


class Embedder:
    """Mean of the last hidden states, every token seeing every other."""

    def __init__(self, file: str) -> None:
        import llama_cpp

        self.cpp = llama_cpp
        self.cpp.llama_log_set(QUIET, ctypes.c_void_p())
        self.cpp.llama_backend_init()
        self.model = self.cpp.llama_model_load_from_file(file.encode(), self.cpp.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"{file}: llama.cpp cannot load it")
        how = self.cpp.llama_context_default_params()
        how.n_ctx = how.n_batch = how.n_ubatch = BATCH_TOKENS
        how.n_seq_max = 64
        how.n_threads = how.n_threads_batch = threads()
        how.pooling_type = self.cpp.LLAMA_POOLING_TYPE_MEAN
        how.attention_type = self.cpp.LLAMA_ATTENTION_TYPE_NON_CAUSAL
        self.context = self.cpp.llama_init_from_model(self.model, how)
        self.cpp.llama_set_embeddings(self.context, True)
        self.vocabulary = self.cpp.llama_vocab_n_tokens(self.cpp.llama_model_get_vocab(self.model))
        self.words = random.Random(0)

    def batch(self, lengths: list[int]) -> Any:
        """Random tokens for as many texts."""
        batch = self.cpp.llama_batch_init(BATCH_TOKENS, 0, 1)
        for text, length in enumerate(lengths):
            for position in range(length):
                at = batch.n_tokens
                batch.token[at] = self.words.randrange(self.vocabulary)
                batch.pos[at], batch.n_seq_id[at], batch.seq_id[at][0], batch.logits[at] = position, 1, text, True
                batch.n_tokens += 1
        return batch

    def embed(self, batch: Any) -> None:
        if self.cpp.llama_encode(self.context, batch):
            raise SystemExit("llama.cpp cannot encode a batch")
        self.cpp.llama_get_embeddings_seq(self.context, 0)[0]


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def QUIET(level: int, text: bytes, _: int) -> None:
    if level == 4:  # GGML_LOG_LEVEL_ERROR
        os.write(2, text)


def packed(batches: list[list[int]]) -> list[list[int]]:
    """The lengths of all texts, as many at once as there is room for."""
    packs: list[list[int]] = [[]]
    for texts, tokens in batches:
        for _ in range(texts):
            if sum(packs[-1]) + tokens > BATCH_TOKENS:
                packs.append([])
            packs[-1].append(tokens)
    return packs


def llama(options) -> None:
    import llama_cpp

    embedder = Embedder(options.file)
    packs = packed(json.loads(options.batches))
    batches = [embedder.batch(lengths) for lengths in packs]

    def step() -> float:
        for batch in batches:
            embedder.embed(batch)
        return sum(map(len, packs))

    about = {"llama-cpp-python": llama_cpp.__version__, "features": llama_cpp.llama_print_system_info().decode()}
    answer_rounds(about, options.seconds, step, first=lambda: embedder.embed(batches[0]))


def write_gguf(options) -> None:
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, quants

    geometry = json.loads(options.geometry)
    out = GGUFWriter(options.file, "llama-embed")
    out.add_file_type(getattr(LlamaFileType, f"MOSTLY_{options.type}"))
    out.add_tokenizer_model("no_vocab")
    out.add_vocab_size(geometry["vocabulary"])
    out.add_context_length(8192)
    out.add_embedding_length(geometry["width"])
    out.add_block_count(geometry["layers"])
    out.add_feed_forward_length(geometry["mlp_width"])
    out.add_head_count(geometry["heads"])
    out.add_head_count_kv(geometry["kv_heads"])
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_freq_base(500000.0)
    kind = getattr(GGMLQuantizationType, options.type)
    # Repeats after a prime number of values: the time is measured, not what comes out.
    noise = np.random.default_rng(0).standard_normal(1_000_003, np.float32)
    for name, shape in gguf_shapes(geometry).items():
        if len(shape) == 1:
            out.add_tensor(name, np.ones(shape, np.float32))
        else:
            values = np.resize(noise * np.float32(shape[1] ** -0.5), shape)
            out.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def gguf_shapes(geometry: dict[str, int]) -> dict[str, tuple[int, ...]]:
    width, mlp_width = geometry["width"], geometry["mlp_width"]
    queries, keys = (geometry[heads] * geometry["head_dim"] for heads in ("heads", "kv_heads"))
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (geometry["vocabulary"], width), "output_norm.weight": (width,)}
    for layer in range(geometry["layers"]):
        of_layer: dict[str, tuple[int, ...]] = {
            "attn_norm": (width,), "attn_q": (queries, width), "attn_k": (keys, width), "attn_v": (keys, width),
            "attn_output": (width, queries), "ffn_norm": (width,), "ffn_gate": (mlp_width, width),
            "ffn_up": (mlp_width, width), "ffn_down": (width, mlp_width),
        }  # fmt: skip
        shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in of_layer.items()}
    return shapes


def quantize_gguf(options) -> None:
    import llama_cpp

    llama_cpp.llama_log_set(QUIET, ctypes.c_void_p())
    how = llama_cpp.llama_model_quantize_default_params()
    how.nthread = threads()
    how.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{options.type}")
    if llama_cpp.llama_model_quantize(options.file.encode(), options.out.encode(), ctypes.byref(how)):
        raise SystemExit(f"{options.file}: llama.cpp cannot quantize it to {options.type}")


if __name__ == "__main__":
    run_command(__doc__, {
        "onnxruntime": (onnxruntime, {"file": str, "side": int, "batch": int}),
        "openvino": (openvino, {"file": str, "side": int, "batch": int, "precision": str}),
        "llama": (llama, {"file": str, "batches": str}),
        "write-gguf": (write_gguf, {"file": str, "geometry": str, "type": str}),
        "quantize-gguf": (quantize_gguf, {"file": str, "out": str, "type": str}),
    })  # fmt: skip
