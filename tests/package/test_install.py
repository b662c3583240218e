"""Programs outside the tree that use the installed package, after it was moved."""

import os
import re
import subprocess
from pathlib import Path

import pytest

import elf

ROOT = Path(__file__).resolve().parents[2]
CONSUMERS = Path(__file__).resolve().parent / "consumers"
PICTURE = ROOT / "tests" / "data" / "unseen" / "image_000.png"


def run(*command, **environment) -> str:
    done = subprocess.run([str(part) for part in command], env={**os.environ, **environment}, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def flags(prefix):
    """What pkg-config says of the installed package."""
    (description,) = prefix.rglob("llm2clip.pc")
    # pkg-config escapes the space in the prefix's name as a shell would write it.
    words = run("pkg-config", "--cflags", "--libs", "llm2clip", PKG_CONFIG_PATH=str(description.parent))
    return run("bash", "-c", f"printf '%s\\n' {words}").splitlines()


@pytest.fixture(scope="module")
def demo(prefix):
    return prefix / "share" / "llm2clip" / "models" / "demo"


@pytest.fixture(scope="module")
def libtorch(library):
    return elf.loaded(library)["libc10.so"].parent


@pytest.fixture(scope="module")
def cmake_build(prefix, tmp_path_factory):
    build = tmp_path_factory.mktemp("find_package")
    run("cmake", "-G", "Ninja", "-S", CONSUMERS / "find_package", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
    return build


def compiled(source, folder, prefix, *arguments):
    """The program of a source file, built with g++ alone; it finds the library under `prefix`."""
    program = folder / source.removesuffix(".cpp")
    run("g++", "-std=c++20", "-Wall", "-Werror", CONSUMERS / source, "-o", program, *arguments,
        f"-Wl,-rpath,{prefix / 'lib'}")
    return program


def test_find_package_gives_a_library_and_a_command(cmake_build, demo):
    run("cmake", "--build", cmake_build, "-j1")
    assert run(cmake_build / "labels", demo, PICTURE) == "brown ring"
    assert run(cmake_build / "errors") == "bad_model"
    assert "llm2clip 0.2.0" in run("cmake", "--build", cmake_build, "--target", "ask")


@pytest.mark.parametrize("wanted, found", [("0.2", True), ("0.1", False), ("0.3", False), ("1.0", False), ("0.2.9", False)])
def test_find_package_takes_the_same_minor_version(prefix, tmp_path, wanted, found):
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.25)\nproject(version NONE)\nset(CMAKE_SIZEOF_VOID_P 8)\n"
        f"find_package(llm2clip {wanted} QUIET)\nmessage(STATUS \"found: ${{llm2clip_FOUND}}\")\n")
    out = run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    assert f"found: {int(found)}" in out


def test_pkg_config_gives_flags_that_link(flags, prefix, demo, tmp_path):
    assert run(compiled("labels.cpp", tmp_path, prefix, *flags), demo, PICTURE) == "brown ring"


def test_the_installed_command_runs_from_where_it_was_moved_to(prefix, demo):
    out = run(prefix / "bin" / "llm2clip", "classify", "-m", demo, PICTURE, "--label", "red circle",
              "--label", "brown ring", "--top-k", "1", "--json")
    assert '"label":"brown ring"' in out


def test_the_installed_command_writes_parquet(prefix, demo, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: scripts/setup")
    run(prefix / "bin" / "llm2clip", "embed-text", "-m", demo, "-t", "a cat", "-o", tmp_path / "rows.parquet")
    assert parquet.read_table(tmp_path / "rows.parquet").num_rows == 1


def test_an_application_with_its_own_opencv_gets_the_same_row(flags, prefix, demo, tmp_path):
    opencv = ["-isystem", "/usr/include/opencv4", "-lopencv_imgcodecs", "-lopencv_core"]
    program = compiled("opencv.cpp", tmp_path, prefix, *opencv, *flags)
    assert run(program, demo, PICTURE) == "1"


def test_an_application_with_its_own_libtorch_in_front_works(flags, prefix, demo, libtorch, sentencepiece_model,
                                                             tmp_path):
    torch = ["-isystem", libtorch.parent / "include", f"-L{libtorch}", "-Wl,--no-as-needed", "-lc10", "-ltorch_cpu",
             "-ltorch", f"-Wl,-rpath,{libtorch}"]
    program = compiled("libtorch.cpp", tmp_path, prefix, *torch, *flags)
    assert elf.dynamic(program, "NEEDED")[0] == "libc10.so"
    ids, total, norm = run(program, demo, sentencepiece_model).split()
    assert int(ids) > 3 and float(total) == 4950 and float(norm) == pytest.approx(1, abs=1e-5)


def test_nothing_installed_names_the_build_tree(prefix, binary):
    build = str(binary.parents[2]).encode()
    texts = [path for path in prefix.rglob("*") if path.is_file() and path.parent.name != "bin" and ".so" not in path.name]
    assert texts
    assert [path for path in texts if build in path.read_bytes()] == []
    (commands,) = prefix.rglob("llm2clip-commands.so")
    for file in (prefix / "bin" / "llm2clip", commands, (prefix / "lib" / "libllm2clip.so").resolve()):
        assert str(binary.parents[2]) not in ":".join(elf.dynamic(file, "RUNPATH"))


def test_every_part_compiled_in_has_its_license(prefix):
    folder = prefix / "share" / "doc" / "llm2clip"
    assert "Apache License" in (folder / "LICENSE").read_text()
    names = {str(path.relative_to(folder / "licenses").parent) for path in (folder / "licenses").rglob("*")
             if path.is_file()}
    assert {"sentencepiece", "sentencepiece/third_party/protobuf-lite", "sentencepiece/third_party/absl",
            "sentencepiece/third_party/darts_clone", "nlohmann-json3-dev", "libcli11-dev", "libhwy-dev"} <= names


@pytest.mark.parametrize("options, kind", [([], "SHARED_LIBRARY"), (["-DBUILD_SHARED_LIBS=OFF"], "STATIC_LIBRARY")])
def test_a_project_that_adds_the_source_gets_the_library_alone(tmp_path, libtorch, options, kind):
    out = run("cmake", "-G", "Ninja", "-S", CONSUMERS / "subdirectory", "-B", tmp_path, f"-DLLM2CLIP_SOURCE={ROOT}",
              f"-DLLM2CLIP_LIBTORCH={libtorch.parent}", *options)
    assert f"llm2clip is a {kind}" in out
    targets = run("ninja", "-C", tmp_path, "-t", "targets", "all")
    assert not re.search(r"llm2clip_cli|model_test", targets)
    assert "libllm2clip" not in (tmp_path / "cmake_install.cmake").read_text()
