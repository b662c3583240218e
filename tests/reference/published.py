"""Small random checkpoints in the published layout, and their exports, for the tests against the references.

Both are made in this process: the exporter's own tests run it as a program, and importing torch twice for each of
these models took longer than everything else.
"""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The checkpoints belong to the exporter's tests.
sys.path[:0] = [str(ROOT / "tools" / "export"), str(ROOT / "tools" / "export" / "tests")]


def write_checkpoints(*arguments) -> None:
    """--vision DIR, --text DIR and more: see published_layout.py --help."""
    import published_layout

    published_layout.main([str(argument) for argument in arguments])


def export(*arguments) -> None:
    """What `llm2clip-export` does with these arguments."""
    from llm2clip_export import cli

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit is deprecated
            assert cli.main([*map(str, arguments), "-q"]) == 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def run_llm2vec(script: str, *arguments) -> None:
    """A script of this folder in the environment of llm2vec and peft."""
    run_in(".venv-llm2vec", script, *arguments)


def run_timm(*arguments) -> None:
    """timm_embeddings.py in the environment of timm and torchvision."""
    run_in(".venv-timm", "timm_embeddings.py", *arguments)


def run_in(environment: str, script: str, *arguments) -> None:
    python = ROOT / environment / "bin" / "python"
    assert python.is_file(), f"{environment} is missing: run scripts/setup --references"
    done = subprocess.run(
        [python, ROOT / "tests" / "reference" / script, *map(str, arguments)],
        capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
