"""What the Python tests share: the program, the model directory, files that are not in the repository."""

import os
import pathlib
import signal
import subprocess

import pytest

from goldens import PACKAGES, Goldens

ROOT = pathlib.Path(__file__).resolve().parent.parent

# A shell without job control starts what runs in the background deaf to Ctrl-C, and programs inherit that: those that
# tests interrupt would go on.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    group = parser.getgroup("llm2clip")
    group.addoption("--references", nargs="?", const=",".join(PACKAGES), default="", metavar="PACKAGE,...",
                    help="only the tests that compare with these packages, and with the packages themselves: "
                    + ", ".join(PACKAGES))
    group.addoption("--make-goldens", action="store_true", help="writes what those tests compare with: scripts/make_goldens")


def asked_packages(config) -> set[str]:
    names = set(filter(None, config.getoption("--references").split(",")))
    if unknown := names - set(PACKAGES):
        raise pytest.UsageError(f"--references: expected {', '.join(PACKAGES)}, got {', '.join(sorted(unknown))}")
    return names


def pytest_configure(config):
    asked_packages(config)
    config.addinivalue_line("markers", "references(package): compares with the goldens of a package, or with the package")


def pytest_collection_modifyitems(config, items):
    asked, making = asked_packages(config), config.getoption("--make-goldens")
    if not asked and not making:
        return
    wanted = [item for item in items if (mark := item.get_closest_marker("references")) and (making or mark.args[0] in asked)]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted


@pytest.fixture(scope="session")
def goldens(pytestconfig):
    """What reference packages gave, or give: see goldens.py."""
    return Goldens(asked_packages(pytestconfig), pytestconfig.getoption("--make-goldens"))


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
