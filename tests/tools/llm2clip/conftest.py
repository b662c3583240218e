import os
import subprocess

import pytest
from PIL import Image

from cli_support import Result


@pytest.fixture
def run(binary, tmp_path):
    """Runs the program in tmp_path: run("info", "-m", directory) -> Result."""

    def call(*arguments, stdin=b"", **environment):
        # scripts/check-processors holds our vector loops down with the one that stays.
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("LLM2CLIP_") or key == "LLM2CLIP_MAX_CPU_ISA"
        }
        done = subprocess.run(
            [binary, *arguments],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env={**inherited, **environment},
            timeout=300,
        )
        return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    return call


@pytest.fixture
def pictures(tmp_path):
    """Five small images of one color each, by name."""
    names = [f"{name}.png" for name in ("red", "green", "blue", "white", "black")]
    for name in names:
        Image.new("RGB", (40, 30), name.removesuffix(".png")).save(tmp_path / name)
    return names
