"""The environment that scripts/setup --clusters makes: Ray, and an object store on loopback."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def cluster_python() -> Path:
    python = ROOT / ".venv-clusters" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python} is not there (scripts/setup --clusters)")
    return python
