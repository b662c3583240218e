"""The Debian package that cpack makes of the build. scripts/check-bundle tries the archive with LibTorch."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import elf


def run(*command, **environment) -> str:
    done = subprocess.run([str(part) for part in command], env={**os.environ, **environment}, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cpack")
    run("cpack", "-G", "DEB", "--config", binary.parents[2] / "CPackConfig.cmake", "-B", folder)
    (package,) = folder.glob("llm2clip_0.2.0_*.deb")
    return package


def test_the_debian_package_depends_on_debian_alone(package):
    depends = run("dpkg-deb", "-f", package, "Depends")
    assert "libpng16" in depends and "libssl" in depends
    assert not any(other in depends for other in ("opencv", "torch", "sentencepiece", "libav"))
    assert "LibTorch is not in this package" in run("dpkg-deb", "-f", package, "Description")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="built where FFmpeg is: scripts/setup --test")
def test_films_are_a_package_of_their_own(package, library, tmp_path):
    (films,) = package.parent.glob("llm2clip-films_0.2.0_*.deb")
    depends = run("dpkg-deb", "-f", films, "Depends")
    assert "llm2clip (= 0.2.0)" in depends and "libavformat59" in depends
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=duration=2", tmp_path / "a.mp4")
    run("dpkg-deb", "-x", package, tmp_path)
    (program,) = tmp_path.glob("usr/**/bin/llm2clip")
    torch = elf.loaded(library)["libc10.so"].parent
    command = [program, "preprocess", "--image-size", "8", "--fps", "1", "-o", tmp_path / "x.npy", tmp_path / "a.mp4"]
    with pytest.raises(AssertionError, match="libllm2clip-films.so is not in .*install it"):
        run(*command, LD_LIBRARY_PATH=str(torch))
    run("dpkg-deb", "-x", films, tmp_path)
    run(*command, LD_LIBRARY_PATH=str(torch))


def test_parquet_is_a_package_of_its_own(package, library, tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: scripts/setup")
    (parquet,) = package.parent.glob("llm2clip-parquet_0.2.0_*.deb")
    depends = run("dpkg-deb", "-f", parquet, "Depends")
    assert "llm2clip (= 0.2.0)" in depends and "arrow" not in depends
    run("dpkg-deb", "-x", package, tmp_path)
    (program,) = tmp_path.glob("usr/**/bin/llm2clip")
    (model,) = tmp_path.glob("usr/**/models/demo")
    torch = elf.loaded(library)["libc10.so"].parent
    command = [program, "embed-text", "-m", model, "-t", "a cat", "-o", tmp_path / "rows.parquet"]
    with pytest.raises(AssertionError, match="libllm2clip-parquet.so is not in .*install it"):
        run(*command, LD_LIBRARY_PATH=str(torch))
    run("dpkg-deb", "-x", parquet, tmp_path)
    run(*command, LD_LIBRARY_PATH=f"{torch}:{Path(pyarrow.__file__).parent}")
    assert (tmp_path / "rows.parquet").exists()


def test_the_unpacked_package_runs_with_a_libtorch_on_the_loaders_path(package, library, tmp_path):
    run("dpkg-deb", "-x", package, tmp_path)
    (program,) = tmp_path.glob("usr/**/bin/llm2clip")
    (model,) = tmp_path.glob("usr/**/models/demo")
    torch = elf.loaded(library)["libc10.so"].parent
    report = run(program, "verify", "-m", model, LD_LIBRARY_PATH=str(torch))
    assert "adapter" in report or "embedding" in report
