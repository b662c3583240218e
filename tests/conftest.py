"""What the Python tests share: the program, the model directory, files that are not in the repository."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def binary():
    """The program under test: LLM2CLIP_BINARY, or that of the dev build."""
    path = pathlib.Path(os.environ.get("LLM2CLIP_BINARY", ROOT / "build/dev/tools/llm2clip/llm2clip"))
    if not path.exists():
        pytest.fail(f"{path} is missing: build first, or set LLM2CLIP_BINARY")
    return path


@pytest.fixture(scope="session")
def shell(binary):
    """A shell as a user has it after scripts/demo: the programs on the path, the demo model chosen."""
    environment = {**os.environ, "PATH": f"{binary.parent}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
                   "LLM2CLIP_MODEL": "models/demo", "COLUMNS": "100"}

    def run(command: str, folder: pathlib.Path) -> subprocess.CompletedProcess:
        return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def demo_model():
    """The demo model's directory, or the one that LLM2CLIP_TEST_MODEL names."""
    path = pathlib.Path(os.environ.get("LLM2CLIP_TEST_MODEL", ROOT / "models" / "demo")).resolve()
    if not (path / "llm2clip.json").exists():
        pytest.skip(f"{path} is not there")
    return path


@pytest.fixture(scope="session")
def assets():
    """Published files too large or not ours to commit: LLM2CLIP_ASSETS, or ../shared/assets."""
    path = pathlib.Path(os.environ.get("LLM2CLIP_ASSETS", ROOT.parent / "shared" / "assets"))
    if not path.is_dir():
        pytest.skip(f"{path} is not there (LLM2CLIP_ASSETS)")
    return path


@pytest.fixture(scope="session")
def real_text(tmp_path_factory):
    """A text checkpoint with trained weights, where scripts/setup --real-text was run; made once, 540 MB."""
    if not (ROOT / ".venv-real-text").is_dir():
        pytest.skip(".venv-real-text is not there (scripts/setup --real-text)")
    folder = tmp_path_factory.mktemp("real-text") / "text"
    subprocess.run([ROOT / "scripts" / "real_text_model", folder], check=True)
    return folder
