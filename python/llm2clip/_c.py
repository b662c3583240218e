"""The part of include/llm2clip/c/llm2clip.h that this package calls.

tests/python/test_declarations.py holds structs, constants and functions to tests/c/abi.txt.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    c_bool,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint64,
    c_void_p,
)
from typing import Any

PRECISIONS = {"auto": 0, "bfloat16": 1, "float16": 2, "float32": 3, "int8-dynamic": 4, "int16-dynamic": 5}
OPTIMIZE = {"auto": 0, "always": 1, "never": 2}
SPECIAL_TOKENS = {"parse": 0, "literal": 1}
# By Pillow's name.
IMAGE_MODES = {"1": 0, "L": 1, "LA": 2, "P": 3, "RGB": 4, "RGBA": 5, "CMYK": 6, "I;16": 7, "I": 8, "F": 9}
# llm2clip_preprocess_order: the reference resizes and crops before it converts to RGB.
ORDER_TORCHVISION = 1


class String(ctypes.Structure):
    """Bytes that somebody else owns."""

    _fields_ = [("data", c_void_p), ("length", c_size_t)]

    def text(self) -> str:
        return ctypes.string_at(self.data, self.length).decode("utf-8", "surrogateescape") if self.length else ""

    def borrow(self, content: bytes) -> None:
        """Points to `content`, which must live as long as the struct is used."""
        self.data, self.length = ctypes.cast(c_char_p(content), c_void_p), len(content)


StopCallback = ctypes.CFUNCTYPE(c_bool, c_void_p)
ProgressCallback = ctypes.CFUNCTYPE(c_bool, c_size_t, c_void_p)
LeftOutCallback = ctypes.CFUNCTYPE(c_bool, c_size_t, c_void_p, c_size_t, c_void_p)
EmbedProgressCallback = ctypes.CFUNCTYPE(c_bool, c_uint64, c_uint64, c_void_p)
LogCallback = ctypes.CFUNCTYPE(None, c_int32, c_void_p, c_size_t, c_void_p)


class LoadOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("device", String), ("precision", c_int32), ("vision", c_bool), ("text", c_bool),
        ("always_hash", c_bool), ("trust_model", c_bool), ("special_tokens", c_int32), ("optimize", c_int32),
        ("manifest_sha256", String), ("expected_inputs", c_uint64), ("stop", StopCallback), ("user_data", c_void_p),
    ]


class EncodeOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("batch_size", c_size_t), ("batch_tokens", c_size_t), ("normalize", c_bool),
        ("adapter", c_bool), ("progress", ProgressCallback), ("left_out", LeftOutCallback), ("stop", StopCallback),
        ("user_data", c_void_p),
    ]


class ModelProperties(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("name", String), ("device", String), ("dim", c_size_t), ("text_width", c_size_t),
        ("image_size", c_int32), ("max_tokens", c_int32), ("score_scale", c_float),
    ]


class PreprocessOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("image_size", c_int32), ("order", c_int32), ("mean", c_float * 3),
        ("std", c_float * 3), ("resize_passes", c_int32),
    ]


class ReadOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("max_pixels", c_uint64), ("max_file_bytes", c_uint64), ("max_scans", c_int32),
        ("apply_orientation", c_bool), ("keep_mode", c_bool), ("max_side", c_int32), ("max_scan_pixels", c_uint64),
    ]


class Failure(ctypes.Structure):
    _fields_ = [("stage", String), ("code", String), ("message", String)]


class ImageInput(ctypes.Structure):
    _fields_ = [
        ("id", String), ("path", String), ("bytes", c_void_p), ("byte_count", c_size_t), ("image", c_void_p),
        ("failure", Failure), ("identity", String), ("stamp", String),
    ]


NextImageCallback = ctypes.CFUNCTYPE(c_bool, POINTER(ImageInput), c_void_p)


class ImageSource(ctypes.Structure):
    _fields_ = [
        ("paths", c_void_p), ("path_count", c_size_t), ("inputs", c_void_p), ("input_count", c_size_t),
        ("next", NextImageCallback), ("user_data", c_void_p), ("total", c_uint64),
    ]


class EmbedSink(ctypes.Structure):
    _fields_ = [
        ("rows", POINTER(c_void_p)), ("index", c_void_p), ("run", c_void_p), ("take", c_void_p),
        ("user_data", c_void_p), ("own_thread", c_bool),
    ]


class EmbedOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("batch_size", c_size_t), ("batch_tokens", c_size_t), ("normalize", c_bool),
        ("adapter", c_bool), ("stop_at_failure", c_bool), ("on_long", c_int32), ("read", c_void_p),
        ("decoding_threads", c_size_t), ("decode_memory", c_uint64), ("text_window", c_size_t),
        ("batches_ahead", c_size_t), ("bytes_ahead", c_size_t), ("batches_behind", c_size_t),
        ("bytes_behind", c_size_t), ("most_failures", c_uint64), ("most_failed_share", c_double),
        ("failure_advice", String), ("progress", EmbedProgressCallback), ("failed", c_void_p),
        ("stop", StopCallback), ("user_data", c_void_p),
    ]


class Outcome(ctypes.Structure):
    _fields_ = [("index", c_uint64), ("id", String), ("failure", Failure), ("truncated", c_bool)]


class Totals(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("inputs", c_uint64), ("embedded", c_uint64), ("failed", c_uint64),
        ("passed_over", c_uint64), ("truncated", c_uint64), ("resumed", c_uint64), ("redone", c_uint64),
        ("failed_by_code", c_void_p), ("failed_by_code_count", c_size_t), ("counts", c_void_p),
        ("counts_count", c_size_t), ("failures", POINTER(Outcome)), ("failure_count", c_size_t), ("warning", String),
    ]


class SearchOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("top_k", c_size_t), ("min_score", c_float), ("filter", String),
        ("threads", c_size_t), ("exact", c_bool),
    ]


class IndexHit(ctypes.Structure):
    _fields_ = [("row", c_uint64), ("score", c_float), ("id", String)]


_handle, _out, _text = c_void_p, POINTER(c_void_p), (c_void_p, c_size_t)
_floats = (c_void_p, c_size_t)

# The types of arguments by the name of the function, without its "llm2clip_". Each returns a status.
SIGNATURES: dict[str, tuple[Any, ...]] = {
    "set_threads": (c_int32,),
    "bytes_view": (_handle, POINTER(c_void_p), POINTER(c_size_t)),
    "bytes_free": (_handle,),
    "strings_view": (_handle, POINTER(POINTER(String)), POINTER(c_size_t)),
    "strings_free": (_handle,),
    "load_options_init": (POINTER(LoadOptions), c_size_t),
    "model_load": (*_text, POINTER(LoadOptions), _out),
    "model_free": (_handle,),
    "model_get_properties": (_handle, POINTER(ModelProperties), c_size_t),
    "model_info_json": (_handle, _out),
    "model_preprocess_options": (_handle, POINTER(PreprocessOptions), c_size_t),
    "encode_options_init": (POINTER(EncodeOptions), c_size_t),
    "encode_texts": (_handle, c_void_p, c_size_t, POINTER(EncodeOptions), _out),
    "encode_tokens": (_handle, c_void_p, c_size_t, POINTER(EncodeOptions), _out),
    "encode_crops": (_handle, c_void_p, c_size_t, POINTER(EncodeOptions), _out),
    "encode_pixels": (_handle, c_void_p, c_size_t, POINTER(EncodeOptions), _out),
    "read_options_init": (POINTER(ReadOptions), c_size_t),
    "image_read": (*_text, POINTER(ReadOptions), _out),
    "image_decode": (c_void_p, c_size_t, *_text, POINTER(ReadOptions), _out),
    "image_from_pixels": (c_int32, c_int32, c_int32, c_void_p, c_size_t, c_void_p, c_size_t, _out),
    "image_from_rows": (c_int32, c_int32, c_int32, c_int32, c_ssize_t, c_void_p, c_size_t, _out),
    "image_free": (_handle,),
    "preprocess_options_init": (POINTER(PreprocessOptions), c_size_t),
    "preprocess": (_handle, POINTER(PreprocessOptions), *_floats),
    "tokenizer_load_of_model": (*_text, c_int32, _out),
    "tokenizer_encode": (_handle, *_text, _out),
    "tokenizer_free": (_handle,),
    "tokens_from_ids": (c_void_p, c_size_t, c_int32, _out),
    "tokens_view": (_handle, POINTER(POINTER(c_int64)), POINTER(c_size_t), POINTER(c_int32), POINTER(c_bool)),
    "tokens_free": (_handle,),
    "embeddings_from_values": (*_floats, c_size_t, c_size_t, _out),
    "embeddings_view": (_handle, POINTER(c_void_p), POINTER(c_size_t), POINTER(c_size_t)),
    "embeddings_free": (_handle,),
    "softmax": (*_floats, c_float, *_floats),
    "classifier_from_labels": (_handle, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(EncodeOptions), _out),
    "classifier_load": (*_text, _out),
    "classifier_save": (_handle, *_text),
    "classifier_check_fits": (_handle, _handle),
    "classifier_counts": (_handle, POINTER(c_size_t), POINTER(c_size_t)),
    "classifier_label": (_handle, c_size_t, POINTER(c_void_p), POINTER(c_size_t)),
    "classifier_embeddings": (_handle, _out),
    "classifier_free": (_handle,),
    "embed_options_init": (POINTER(EmbedOptions), c_size_t),
    "embed_images": (_handle, POINTER(ImageSource), POINTER(EmbedSink), POINTER(EmbedOptions), _out),
    "summary_view": (_handle, POINTER(Totals), c_size_t),
    "summary_free": (_handle,),
    "set_log_callback": (LogCallback, c_void_p, c_int32),
    "index_open": (*_text, _out),
    "index_view": (_handle, POINTER(c_uint64), POINTER(c_size_t), POINTER(c_uint64)),
    "index_check_fits": (_handle, _handle),
    "index_verify": (_handle,),
    "index_provenance": (_handle, _out),
    "index_free": (_handle,),
    "search_options_init": (POINTER(SearchOptions), c_size_t),
    "index_search": (_handle, _handle, POINTER(SearchOptions), _out),
    "hits_list": (_handle, c_size_t, POINTER(POINTER(IndexHit)), POINTER(c_size_t)),
    "hits_free": (_handle,),
}


def declare(library: ctypes.CDLL) -> dict[str, Any]:
    """The functions of `library` by their short names."""
    functions = {}
    for name, arguments in SIGNATURES.items():
        function = getattr(library, f"llm2clip_{name}")
        function.argtypes, function.restype = arguments, c_int
        functions[name] = function
    for name in ("error_message", "version"):
        function = getattr(library, f"llm2clip_{name}")
        function.argtypes, function.restype = (), c_char_p
        functions[name] = function
    return functions
