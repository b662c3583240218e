#!/usr/bin/env python3
"""Writes tests/fuzz/corpus: a few small inputs a fuzzer, from which it makes all others.

    .venv/bin/python scripts/make_fuzz_seeds.py

Good inputs of every kind that a reader knows, and a few bad ones of kinds that mutation finds late.
Inputs that fuzzers found (scripts/fuzz keeps them under build/fuzz/corpus) are not in the repository;
what crashed is, as a named test.
"""

import io
import json
import pathlib
import shutil
import struct
import tarfile
import zipfile
import zlib

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
CORPUS = ROOT / "tests/fuzz/corpus"
LLAMA_3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def manifests():
    full = json.loads((ROOT / "models/demo/llm2clip.json").read_text())
    yield "full.json", json.dumps(full, indent=1).encode()
    for part in ("vision", "text", "adapter"):
        yield f"without_{part}.json", json.dumps({k: v for k, v in full.items() if k != part}).encode()
    yield "duplicate_key.json", b'{"format": 1, "format": 1}'
    yield "deep.json", b"[" * 70 + b"]" * 70
    yield "large_number.json", b'{"format": 4294967297}'


def spelling_of_bytes():
    """GPT-2's character for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + i) for i, byte in enumerate(rest)}


def tokenizer_files():
    letters = spelling_of_bytes()
    vocabulary = {letters[byte]: byte for byte in range(256)}
    vocabulary |= {"he": 256, "ll": 257, "hell": 258}
    special = {"id": 259, "content": "<|eot_id|>", "single_word": False, "lstrip": False, "rstrip": False,
               "normalized": False, "special": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
             "vocab": vocabulary, "merges": ["h e", "l l", "he ll"]}
    file = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [special], "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": LLAMA_3_SPLIT}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
        "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
        "decoder": {"type": "ByteLevel"}, "model": model}
    yield "whole.json", json.dumps(file, ensure_ascii=False, separators=(",", ":")).encode()
    pairs = {**file, "model": {**model, "merges": [["h", "e"], ["l", "l"], ["he", "ll"]]}}
    yield "merges_as_pairs.json", json.dumps(pairs, separators=(",", ":")).encode()
    yield "no_merges.json", json.dumps({**file, "model": {**model, "merges": []}}, separators=(",", ":")).encode()


def texts():
    yield "words.txt", b"Don't say hello, I'LL be back in 2024!!!\n\n  ok"
    yield "specials.txt", b"a<|eot_id|>b<|begin_of_text|><|start_header_id|><|eot_id"
    yield "merges.txt", b"hello hell he ababab bcbc \n\n\n\n w" + "猫猫".encode()
    yield "spaces.txt", "a\u00a0 \u2003\t\r\n \u180e\u3000b\u0085c  ".encode()
    yield "scripts.txt", "e\u0301 ไทย \u017f's Ⅷ² ٣٤ 👩🏽\u200d💻".encode()


def utf8_texts():
    yield "edges", "".join(chr(c) for c in (0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF)).encode()
    yield "surrogate", b"ab\xed\xa0\x80"
    yield "overlong", b"\xe0\x80\xaf\xc0\x80"
    yield "too_large", b"12345678\xf4\x90\x80\x80"
    yield "cut", b"12345678\xe7\x8c"


def pictures():
    rgb = Image.new("RGB", (9, 7))
    rgb.putdata([(x * 28, y * 36, (x * y) % 256) for y in range(7) for x in range(9)])
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: dict[str, tuple[Image.Image, dict]] = {
        "rgb.jpg": (rgb, {"exif": exif}), "progressive.jpg": (rgb, {"progressive": True}),
        "gray.jpg": (rgb.convert("L"), {}), "cmyk.jpg": (rgb.convert("CMYK"), {}),
        "rgb.png": (rgb, {}), "palette.png": (rgb.quantize(4), {"bits": 2}), "bilevel.png": (rgb.convert("1"), {}),
        "gray16.png": (rgb.convert("I;16"), {}), "rgba.png": (rgb.convert("RGBA"), {}),
        "lossy.webp": (rgb, {}), "lossless.webp": (rgb.convert("RGBA"), {"lossless": True}),
        "rgb.bmp": (rgb, {}), "palette.bmp": (rgb.quantize(16), {}),
        "raw.tif": (rgb, {}), "lzw.tif": (rgb, {"compression": "tiff_lzw"}),
        "fax.tif": (rgb.convert("1"), {"compression": "group4"}), "float.tif": (rgb.convert("F"), {}),
        "palette.gif": (rgb.quantize(8), {}),
    }
    formats = {"jpg": "JPEG", "tif": "TIFF"}
    for name, (picture, options) in kinds.items():
        ending = name.rsplit(".", 1)[1]
        file = io.BytesIO()
        picture.save(file, formats.get(ending, ending.upper()), **options)
        yield name, file.getvalue()


def safetensors_files():
    def file(header, data):
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text + data

    rows = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    ids = {"dtype": "I64", "shape": [2], "data_offsets": [24, 40]}
    metadata = {"ids": '["a.jpg",{"id_base64":"/w=="}]'}
    data = struct.pack("<6f2q", *range(8))
    yield "two_tensors", file({"__metadata__": metadata, "embeddings": rows, "numbers": ids}, data)
    yield "empty", file({}, b"")
    yield "overlap", file({"a": rows, "b": rows}, data)
    yield "huge_shape", file({"a": {**rows, "shape": [1 << 62, 4]}}, data)


def journals():
    def line(value):
        text = json.dumps(value, separators=(",", ":")).encode()
        return b"%08x %s\n" % (zlib.crc32(text), text)

    def chunk(first, end):
        return line({"first": first, "end": end, "rows": end - first, "file": f"chunk-{first:05d}.safetensors",
                     "bytes": 100, "sha256": "a" * 64, "outcomes_at": 60})

    yield "two_chunks", chunk(0, 4) + chunk(4, 6)
    yield "finished", chunk(0, 4) + line({"finished": True, "inputs": 4, "listed": 8, "list_sha256": "b" * 64})
    yield "made_anew", chunk(0, 4) + chunk(4, 8) + chunk(2, 3) + chunk(3, 5)
    yield "torn", chunk(0, 4) + chunk(4, 6)[:40]
    yield "other_types", line({"first": -1, "end": "x", "rows": None, "file": 1})


def run_files():
    provenance = {"run.format": "3", "run.precision": "float32", "run.dim": "4", "run.shard": "1", "run.shards": "2",
                "model": "demo", "computing.optimized": "prepacked"}
    report = {"format": 3, "provenance": {**provenance, "run.shards": "1"},
              "summary": {"inputs": 2, "embedded": 1, "failed": 1, "failed_by_code": {"unreadable_input": 1}, "truncated": 1},
              "inputs": {"listed": 2, "list_sha256": "a" * 64, "block": 1, "blocks": ["b" * 16, "c" * 16], "joined": 1},
              "output": {"bytes": 100, "sha256": "d" * 64}}
    yield "provenance", json.dumps(provenance).encode()
    yield "provenance_of_other_types", json.dumps({**provenance, "run.dim": 4}).encode()
    yield "twice", json.dumps(provenance).encode()[:-1] + b',"run.dim":"5"}'
    yield "report", json.dumps(report).encode()


def archives():
    code = (b"class Tower(Module):\n  __parameters__ = [\"weight\", ]\n  weight : Tensor\n"
            b"  def forward(self: __torch__.Tower,\n    x: Tensor) -> Tensor:\n"
            b"    _0 = torch.linear(x, self.weight)\n    return _0\n")
    pickle = b"\x80\x02c__torch__\nTower\n)\x81}(X\x06\x00\x00\x00weightNub."

    def archive(code, pickle, method):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as records:
            records.writestr("m/data.pkl", pickle)
            records.writestr("m/code/__torch__.py", code, method)
            records.writestr("m/data/0", bytes(64))
            records.writestr("m/version", b"3\n")
        return file.getvalue()

    yield "tower", archive(code, pickle, zipfile.ZIP_STORED)
    yield "compressed_code", archive(code, pickle, zipfile.ZIP_DEFLATED)
    yield "bad_pickle", archive(code, pickle.replace(b"__torch__", b"posix\nsys"), zipfile.ZIP_STORED)
    yield "bad_code", archive(code.replace(b"linear", b"from_file"), pickle, zipfile.ZIP_STORED)


def json_lines():
    yield "plain", b'{"id":"1","text":"a dog"}\n{"text":"two\\nlines \\ud83d\\udc29"}\r\n\n'
    yield "bad", b'{"id":1,"text":null}\n[]\n{"text":\n"x"\n\xff\xfe\n{"id":"\\ud800","text":"a"}'
    yield "deep", b"[" * 2000


def tar_archives():
    members = {"000000.txt": b"a dog", "000000.json": b'{"text":"a dog"}', "folder/000001.txt": b"x" * 600}
    for name, style in (("ustar", tarfile.USTAR_FORMAT), ("gnu", tarfile.GNU_FORMAT), ("pax", tarfile.PAX_FORMAT)):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=style) as archive:
            for member, content in members.items():
                info = tarfile.TarInfo(member if style == tarfile.USTAR_FORMAT else "long/" * 30 + member)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            link = tarfile.TarInfo("link.txt")
            link.type, link.linkname = tarfile.SYMTYPE, "../../etc/passwd"
            archive.addfile(link)
        # tarfile fills up to 10,240 bytes; two empty blocks are the end.
        yield name, file.getvalue().rstrip(b"\0") + b"\0" * 1024


def resizes():
    yield "gray", bytes(range(0, 250, 3))
    yield "rgb", bytes(range(255, 0, -1)) * 2
    yield "black_and_white", b"\0\xff" * 300


def server_requests():
    image = "data:image/png;base64,AAAA"
    bodies = {
        "texts": {"model": "demo", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 4},
        "image": {"modality": "image", "input": image},
        "contents": {"input": [{"content": [{"type": "text", "text": "a"}]},
                               {"content": [{"type": "image_url", "image_url": {"url": image}}]}]},
        "message": {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]},
        "classify": {"input": [image], "labels": ["a", "b"], "templates": ["a {}"], "top_k": 1},
        "search": {"index": "photos", "text": "a", "top_k": 3, "min_score": 0.5, "filter": "*.jpg"},
        "knn": {"indice_name": "photos", "embedding_input": [1, 0.5, -1e3, 0], "num_images": 3, "image": "AAAA"},
        "tei": {"inputs": ["a"], "normalize": False, "truncate": True},
        "cohere": {"texts": ["a"], "embedding_types": ["float", "base64"]},
    }
    for name, body in bodies.items():
        yield f"{name}.json", json.dumps(body).encode()
    body = json.dumps(bodies["texts"]).encode()
    head = b"POST /v1/embeddings HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    yield "length", head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    yield "chunks", head + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\n" + body[:5] + b"\r\n%x\r\n" % len(body[5:]) + \
        body[5:] + b"\r\n0\r\nX: y\r\n\r\n"
    yield "both", head + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    yield "absolute", b"GET http://a/health?b HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"


SEEDS = {
    "archive": archives, "image": pictures, "journal": journals, "jsonl": json_lines, "manifest": manifests, "resize": resizes,
    "run_json": run_files, "safetensors": safetensors_files, "serve_request": server_requests,
    "tokenizer_json": tokenizer_files, "tokenizer_text": texts, "utf8": utf8_texts,
    "webdataset_tar": tar_archives,
}


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    for target, seeds in SEEDS.items():
        folder = CORPUS / target
        folder.mkdir(parents=True)
        for name, content in seeds():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
