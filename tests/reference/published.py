"""Small random checkpoints in the published layout, and their exports, for the tests against the references."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The checkpoints belong to the exporter's tests; this is their command line.
WRITER = ROOT / "tools" / "export" / "tests" / "published_layout.py"


def run_python(*arguments) -> str:
    """Runs this environment's Python and returns its standard output; fails with what it printed."""
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_checkpoints(*arguments) -> None:
    """--vision DIR, --text DIR and more: see published_layout.py --help."""
    run_python(WRITER, *arguments)


def export(*arguments) -> None:
    """What `llm2clip-export` does with these arguments."""
    run_python("-m", "llm2clip_export.cli", *arguments, "-q")
