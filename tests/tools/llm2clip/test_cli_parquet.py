"""-o rows.parquet: read back by what people read such files with, each where it is installed."""

import base64
import ctypes
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from cli_support import ROOT, assert_refused

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: scripts/setup")
READERS = ROOT / ".venv-databases" / "bin" / "python"


@pytest.fixture(autouse=True)
def module(binary):
    """The module is built where pyarrow is."""
    path = binary.parents[2] / "src" / "libllm2clip-parquet.so"
    if not path.exists():
        pytest.skip(f"{path.name} is not built: LLM2CLIP_PARQUET=ON, where pyarrow is")
    return path


def vectors_of(table, dim):
    return np.array(table["vector"].combine_chunks().flatten()).reshape(-1, dim)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_rows_ids_and_provenance_are_those_of_npy(run, tmp_path, demo_model, pictures, dtype):
    command = ["embed-image", "-m", demo_model, *pictures, "--out-dtype", dtype, "-o"]
    assert run(*command, "rows.npy").code == 0
    assert run(*command, "rows.parquet").code == 0
    rows = np.load(tmp_path / "rows.npy")
    table = parquet.read_table(tmp_path / "rows.parquet")
    component = {"float32": "float", "float16": "halffloat"}[dtype]
    assert str(table.schema.field("vector").type) == f"fixed_size_list<element: {component} not null>[{rows.shape[1]}]"
    assert table["id"].to_pylist() == pictures
    assert np.array_equal(vectors_of(table, rows.shape[1]), rows)
    provenance = json.loads((tmp_path / "rows.npy.json").read_text())
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata == {key: value for key, value in provenance.items() if key not in ("rows", "dim", "precision")}


class Text(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("length", ctypes.c_size_t)]


def test_row_groups_have_16384_rows(binary, tmp_path):
    """Through the C interface, since so many rows take minutes to embed."""
    library = ctypes.CDLL(str(binary.parents[2] / "src" / "libllm2clip.so"))
    rows = np.arange(20_000 * 3, dtype=np.float32).reshape(-1, 3)
    names = [f"{i}.jpg".encode() for i in range(len(rows))]
    size, handle, path = ctypes.c_size_t, ctypes.c_void_p(), str(tmp_path / "rows.parquet").encode()
    assert library.llm2clip_embeddings_from_values(rows.ctypes.data_as(ctypes.c_void_p), size(rows.size), size(len(rows)),
                                                   size(3), ctypes.byref(handle)) == 0
    ids = (Text * len(names))(*(Text(name, len(name)) for name in names))
    assert library.llm2clip_write_embeddings(path, size(len(path)), handle, ids, size(len(names)), None, size(0), 0) == 0
    library.llm2clip_embeddings_free(handle)
    file = parquet.ParquetFile(tmp_path / "rows.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)] == [16384, 20_000 - 16384]
    assert np.array_equal(vectors_of(file.read(), 3), rows)


def test_shards_are_merged_into_one_file(run, tmp_path, demo_model, pictures):
    command = ["embed-image", "-m", demo_model, *pictures, "-o"]
    assert run(*command, "whole.parquet").code == 0
    for shard in ("1/2", "2/2"):
        assert run(*command, "all.parquet", "--shard", shard).code == 0
    assert run("merge", "all.parquet").code == 0
    whole, merged = (parquet.read_table(tmp_path / name) for name in ("whole.parquet", "all.parquet"))
    assert merged["id"].to_pylist() == whole["id"].to_pylist() == pictures
    assert np.allclose(np.array(merged["vector"].to_pylist()), np.array(whole["vector"].to_pylist()), atol=1e-5)


def test_ids_that_are_not_utf8_are_in_a_column_of_their_own(run, tmp_path, demo_model, pictures):
    odd = b"caf\xe9.png"
    shutil.copy(tmp_path / pictures[0], os.fsencode(tmp_path) + b"/" + odd)
    assert run("embed-image", "-m", demo_model, pictures[1], odd, "-o", "rows.parquet").code == 0
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert table["id"].to_pylist() == [pictures[1], None]
    assert table["id_base64"].to_pylist() == [None, base64.b64encode(odd).decode()]


def test_without_the_module_nothing_begins(binary, tmp_path, demo_model, pictures):
    shutil.copytree(binary.parents[2] / "src", tmp_path / "src", ignore=shutil.ignore_patterns(
        "CMakeFiles", "*.a", "libllm2clip-parquet.so", "*.cmake"))
    done = subprocess.run([binary, "embed-image", "-m", demo_model, pictures[0], "-o", "rows.parquet"], cwd=tmp_path,
                          env={**os.environ, "LD_PRELOAD": str(tmp_path / "src" / "libllm2clip.so")},
                          capture_output=True, text=True)
    assert done.returncode == 7
    assert "Parquet: libllm2clip-parquet.so is not in" in done.stderr
    assert "build with LLM2CLIP_PARQUET=ON where the libraries of PyPI's pyarrow are" in done.stderr
    assert not list(tmp_path.glob("rows.parquet*"))


def test_a_full_disk_leaves_nothing(binary, tmp_path, demo_model, pictures):
    import resource

    done = subprocess.run([binary, "embed-image", "-m", demo_model, *pictures, "-o", "rows.parquet"], cwd=tmp_path,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500)),
                          capture_output=True, text=True)
    assert done.returncode == 6
    assert "cannot be written: File too large" in done.stderr
    assert not (tmp_path / "rows.parquet").exists()


def test_another_ending_names_those_that_are_known(run, demo_model, pictures):
    assert_refused(run("embed-image", "-m", demo_model, *pictures, "-o", "rows.feather"), 2,
                   ".npy, .safetensors, .parquet, .jsonl or .csv")


READ = {
    "duckdb": "import duckdb; rows = duckdb.sql(\"SELECT id, vector FROM 'rows.parquet'\").fetchall(); "
              "out = [[row[0], list(row[1])] for row in rows]",
    "polars": "import polars; table = polars.read_parquet('rows.parquet'); "
              "out = [[row[0], list(row[1])] for row in table.select('id', 'vector').rows()]",
}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("reader", sorted(READ))
def test_other_readers_have_the_same_rows(run, tmp_path, demo_model, pictures, reader, dtype):
    if not READERS.exists():
        pytest.skip(".venv-databases is not there (scripts/setup --databases)")
    assert run("embed-image", "-m", demo_model, *pictures, "--out-dtype", dtype, "-o", "rows.parquet").code == 0
    done = subprocess.run([READERS, "-c", f"import json; {READ[reader]}; print(json.dumps(out))"], cwd=tmp_path,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert [row[0] for row in rows] == pictures
    assert np.array_equal(np.array([row[1] for row in rows], np.float32), np.array(table["vector"].to_pylist(), np.float32))
