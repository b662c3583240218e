"""The programs of the wheel: `llm2clip`, which is the C++ one, and `llm2clip-export`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

from . import errors
from ._library import WANTED, check_torch, torch_folder

PACKAGE = Path(__file__).parent
PROGRAM = PACKAGE / "bin" / "llm2clip"
# What each program returns for what is not there, as docs/cli.md and the exporter's --help have it.
DEVICE_FAILED, USAGE = 7, 2
EXPORT_NEEDS = ("torch", "transformers", "tokenizers", "safetensors", "huggingface_hub", "sentencepiece", "PIL", "numpy", "tqdm")


def fail(program: str, message: str, code: int) -> NoReturn:
    print(f"{program}: {message}", file=sys.stderr)
    sys.exit(code)


def environment() -> dict[str, str]:
    """This process's, with LibTorch where the loader looks; the program itself looks beside the package."""
    folder = torch_folder()
    if folder is None:
        raise errors.UnavailableError(f"torch: is not installed; {WANTED}")
    check_torch(folder)
    if folder.parent == PACKAGE.parent:
        return dict(os.environ)
    places = [str(folder / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, places))}


def main() -> NoReturn:
    """Becomes the C++ program, so that signals and the exit code are its own."""
    if not PROGRAM.exists():
        fail("llm2clip", f"{PROGRAM}: is not there; install the package as a wheel", USAGE)
    try:
        os.execve(PROGRAM, ["llm2clip", *sys.argv[1:]], environment())
    except errors.UnavailableError as error:
        fail("llm2clip", str(error), DEVICE_FAILED)


def export() -> NoReturn:
    """The exporter, whose packages the extra brings along."""
    if sys.version_info < (3, 11):
        fail("llm2clip-export", f"needs Python 3.11 or newer, and this is {sys.version.split()[0]}", USAGE)
    missing = [name for name in EXPORT_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        fail("llm2clip-export", f"{', '.join(missing)}: not installed; pip install 'llm2clip[export]'", USAGE)
    sys.exit(importlib.import_module("llm2clip_export.cli").main())
