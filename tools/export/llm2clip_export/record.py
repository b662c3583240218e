"""`extra` of llm2clip.json: what a model directory was made of, so that an export can tell whether it is there already."""

from importlib.metadata import version
from typing import Any

from llm2clip_export import goldens, manifest
from llm2clip_export.parts import Parts
from llm2clip_export.progress import Progress
from llm2clip_export.sources import hashes, license_of

# What computes or draws something that is in the goldens.
REFERENCES = ("torch", "transformers", "tokenizers", "sentencepiece", "Pillow", "numpy")


def extra(parts: Parts, progress: Progress) -> dict[str, Any]:
    """By part the published files, and what computed its goldens; the LoRA adapters in their order."""
    sources = {part: hashes(files, progress, f"{part} as published") for part, files in parts.files.items()}
    lora = [hashes(adapter.files, progress, "LoRA") for adapter in parts.text.checkpoint.adapters] if parts.text else []
    reference = {part: golden_reference() for part in parts.files}
    licenses = {part: license_of(files[0].parent) for part, files in parts.files.items()}
    if parts.shared_text:
        made_of = parts.shared_text.made_of
        sources["text"], lora, reference["text"] = made_of["sources"], made_of["lora"], made_of["goldens"]
        licenses["text"] = made_of["license"]
    named = {part: license for part, license in licenses.items() if license}
    return {"sources": sources, "lora": lora, "goldens": reference} | ({"licenses": named} if named else {})


def golden_reference() -> dict[str, Any]:
    return {"format": goldens.FORMAT} | {name: version(name).partition("+")[0] for name in REFERENCES}


def difference(there: dict[str, Any], wanted: dict[str, Any], parts: Parts) -> str:
    """In words the first thing in which the manifest `there` is not what an export of `wanted` would write; "" for none."""
    if not {"sources", "lora", "goldens"} <= there.get("extra", {}).keys():
        return "its exporter recorded less of what it was made of"
    kept = {key: value for key, value in there.items() if key != "files"}
    found = first_difference(as_asked_for(manifest.as_read(wanted)), as_asked_for(kept), "")
    if found or not parts.shared_text:
        return found
    return first_difference(parts.shared_text.made_of["files"], there["files"], "files", subset=True)


def as_asked_for(content: dict[str, Any]) -> dict[str, Any]:
    """Without what an export finds out: of `quantized` the size alone."""
    found = dict(content)
    for name in ("vision", "text"):
        part = content.get(name, {})
        if "quantized" in part:
            found[name] = part | {"quantized": {"size": part["quantized"].get("size")}}
    return found


def first_difference(wanted: Any, there: Any, at: str, subset: bool = False) -> str:
    if isinstance(wanted, dict) and isinstance(there, dict) and not is_file(wanted):
        for key in wanted if subset else {**wanted, **there}:
            found = first_difference(wanted.get(key), there.get(key), f"{at}.{key}" if at else key)
            if found:
                return found
        return ""
    if isinstance(wanted, list) and isinstance(there, list) and len(wanted) == len(there):
        return next(filter(None, map(first_difference, wanted, there, (f"{at}[{i}]" for i in range(len(there))))), "")
    return "" if wanted == there else f"{at.removeprefix('extra.')} is {shown(there)}, {shown(wanted)} now"


def is_file(value: dict[str, Any]) -> bool:
    return set(value) == {"bytes", "sha256"}


def shown(value: Any) -> str:
    """Short, and on one line."""
    if value is None:
        return "not there"
    if isinstance(value, dict):
        return f"of SHA-256 {value['sha256'][:8]}" if is_file(value) else "there"
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        return f"a list of {len(value)}"
    return repr(value) if value != [] else "empty"
