"""What several tests use: small checkpoints on disk, towers saved and loaded again."""

import os
from pathlib import Path

import pytest
import torch

from llm2clip_export.torchscript import save_tower
from published_layout import write_text, write_vision


@pytest.fixture
def vision(tmp_path) -> Path:
    write_vision(tmp_path / "vision")
    return tmp_path / "vision"


@pytest.fixture
def text(tmp_path) -> Path:
    write_text(tmp_path / "text")
    return tmp_path / "text"


@pytest.fixture
def saved(tmp_path):
    """Saves a tower and loads the archive again, as a program without our Python modules sees it."""

    def save(weights, name: str = "tower.pt") -> torch.jit.ScriptModule:
        save_tower(weights, tmp_path / name)
        return torch.jit.load(tmp_path / name)

    return save


@pytest.fixture(scope="session")
def llama3_tokenizer() -> Path:
    """Llama-3's tokenizer.json: not ours to commit. LLM2CLIP_ASSETS, or ../shared/assets beside the repository."""
    root = Path(__file__).resolve().parents[3]
    path = Path(os.environ.get("LLM2CLIP_ASSETS", root.parent / "shared" / "assets")) / "tokenizer.json"
    if not path.is_file():
        pytest.skip(f"{path} is not there (LLM2CLIP_ASSETS)")
    return path
