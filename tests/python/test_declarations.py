"""What the package says of the C interface is what tests/c/abi.txt says."""

import ctypes
import re
from pathlib import Path

import pytest

ABI = (Path(__file__).resolve().parents[1] / "c" / "abi.txt").read_text(encoding="utf-8")
STRUCTS = {match[1]: match[2] for match in re.finditer(r"^struct llm2clip_(\w+) (.+)$", ABI, re.MULTILINE)}


def c_name(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def declared(llm2clip):
    from llm2clip import _c

    return {c_name(name): value for name, value in vars(_c).items()
            if isinstance(value, type) and issubclass(value, ctypes.Structure)}


def test_each_struct_has_the_fields_and_sizes_of_the_header(llm2clip):
    structs = declared(llm2clip)
    assert len(structs) >= 15
    for name, struct in structs.items():
        fields = [f"{field}@{getattr(struct, field).offset}+{getattr(struct, field).size}" for field, *_ in struct._fields_]
        assert " ".join([f"{ctypes.sizeof(struct)}:", *fields]) == STRUCTS[name]


def test_each_function_takes_as_many_arguments_as_in_the_header(llm2clip):
    from llm2clip import _c

    for name, arguments in _c.SIGNATURES.items():
        signature = re.search(rf"^function llm2clip_status llm2clip_{name}\((.*)\)$", ABI, re.MULTILINE)
        assert signature, name
        assert len(arguments) == len(signature[1].split(",")), name


@pytest.mark.parametrize("table,prefix", [("PRECISIONS", "PRECISION_"), ("OPTIMIZE", "OPTIMIZE_"),
                                          ("SPECIAL_TOKENS", "SPECIAL_TOKENS_")])
def test_constants_have_the_values_of_the_header(llm2clip, table, prefix):
    from llm2clip import _c

    values = dict(re.findall(rf"^constant LLM2CLIP_{prefix}(\w+) (\d+)$", ABI, re.MULTILINE))
    assert {name.upper().replace("-", "_"): str(value) for name, value in getattr(_c, table).items()} == values


def test_every_status_has_an_exception_of_its_name(llm2clip):
    from llm2clip import errors

    kinds = re.search(r"^constant LLM2CLIP_OK 0\n((?:constant LLM2CLIP_\w+ \d+\n)+?)constant LLM2CLIP_PRECISION", ABI, re.MULTILINE)
    found = {int(value): name for name, value in re.findall(r"LLM2CLIP_(\w+) (\d+)", kinds[1])}
    assert {status: c_name(error.__name__.removesuffix("Error")).upper() for status, error in errors.OF_STATUS.items()} == found


def test_image_modes_are_those_of_the_header(llm2clip):
    from llm2clip import _c

    names = {"1": "BILEVEL", "L": "GRAY", "LA": "GRAY_ALPHA", "P": "PALETTE", "RGB": "RGB", "RGBA": "RGBA", "CMYK": "CMYK",
             "I;16": "GRAY16", "I": "INT32", "F": "FLOAT32"}
    values = dict(re.findall(r"^constant LLM2CLIP_IMAGE_(\w+) (\d+)$", ABI, re.MULTILINE))
    assert {names[mode]: str(value) for mode, value in _c.IMAGE_MODES.items()} == values
    assert f"constant LLM2CLIP_ORDER_TORCHVISION {_c.ORDER_TORCHVISION}\n" in ABI
