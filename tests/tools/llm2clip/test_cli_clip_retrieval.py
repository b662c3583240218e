"""--layout clip-retrieval: folders as clip-retrieval's inference writes them, read by what reads those."""

import base64
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from cli_support import ROOT, assert_refused

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: scripts/setup")
READERS = ROOT / ".venv-clip_retrieval" / "bin" / "python"
TEXTS = ["a red image", "a green one", "something blue"]


@pytest.fixture(autouse=True)
def module(binary):
    if not (binary.parents[2] / "src" / "libllm2clip-parquet.so").exists():
        pytest.skip("libllm2clip-parquet.so is not built: LLM2CLIP_PARQUET=ON, where pyarrow is")


@pytest.fixture
def embed(run, demo_model, pictures):
    """embed("rows"): embeds the pictures into that folder, two rows a partition."""

    def call(folder, *arguments, images=pictures, code=0):
        result = run("embed-image", "-m", demo_model, *images, "--layout", "clip-retrieval", "--partition-rows", "2",
                     "-o", folder, *arguments)
        assert result.code == code, result.err
        return result

    return call


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def rows_in(folder, name="img_emb"):
    return [np.load(path) for path in sorted((folder / name).glob("*.npy"))]


def column(folder, name):
    return [value for path in sorted((folder / "metadata").glob("*.parquet"))
            for value in parquet.read_table(path)[name].to_pylist()]


def test_images_are_partitions_of_rows_and_their_paths(embed, run, demo_model, pictures, tmp_path):
    embed("rows")
    assert files_in(tmp_path / "rows") == [f"{kind}/{kind}_000{i}.{ending}" for kind, ending in
                                          (("img_emb", "npy"), ("metadata", "parquet")) for i in range(3)]
    assert run("embed-image", "-m", demo_model, *pictures, "--out-dtype", "float16", "-o", "rows.npy").code == 0
    parts = rows_in(tmp_path / "rows")
    assert [part.shape[0] for part in parts] == [2, 2, 1] and parts[0].dtype == np.float16
    assert np.array_equal(np.concatenate(parts), np.load(tmp_path / "rows.npy"))
    assert column(tmp_path / "rows", "image_path") == pictures
    assert (tmp_path / "rows.run.json").exists() and not (tmp_path / "rows.run").exists()


def test_texts_have_captions_and_float32_where_that_is_asked_for(run, demo_model, tmp_path):
    texts = [argument for text in TEXTS for argument in ("-t", text)]
    assert run("embed-text", "-m", demo_model, *texts, "--layout", "clip-retrieval", "--out-dtype", "float32",
               "-o", "rows/").code == 0
    assert files_in(tmp_path / "rows") == ["metadata/metadata_0000.parquet", "text_emb/text_emb_0000.npy"]
    assert rows_in(tmp_path / "rows", "text_emb")[0].dtype == np.float32
    assert column(tmp_path / "rows", "caption") == TEXTS


def test_a_run_goes_on_and_is_complete_and_shards_are_merged(embed, run, pictures, tmp_path):
    embed("whole")
    # Stopped by a failure in its midst.
    embed("rows", "--on-error", "fail", "--commit-rows", "1", "--batch-size", "1",
          images=[*pictures[:3], "none.png"], code=4)
    assert not (tmp_path / "rows").exists() and (tmp_path / "rows.run").exists()
    assert "3 done earlier" in embed("rows", "--resume").err
    assert "5 done earlier" in embed("rows", "--resume").err
    for shard in ("1/2", "2/2"):
        embed("all", "--shard", shard)
    assert run("merge", "all").code == 0
    for folder in ("rows", "all"):
        assert files_in(tmp_path / folder) == files_in(tmp_path / "whole")
        assert column(tmp_path / folder, "image_path") == pictures
        for part, whole in zip(rows_in(tmp_path / folder), rows_in(tmp_path / "whole"), strict=True):
            assert np.allclose(part, whole, atol=1e-3)


def test_what_is_there_is_replaced_as_a_whole_or_left_alone(embed, pictures, tmp_path):
    embed("rows")
    assert "exists; give another name, or replace it with --overwrite" in embed("rows", code=6).err
    embed("rows", "--overwrite", images=pictures[:1])
    assert files_in(tmp_path / "rows") == ["img_emb/img_emb_0000.npy", "metadata/metadata_0000.parquet"]
    (tmp_path / "rows" / "img_emb" / "img_emb_0000.npy").write_bytes(b"less")
    assert "was changed or damaged" in embed("rows", "--resume", images=pictures[:1], code=6).err
    (tmp_path / "photos").mkdir()
    shutil.copy(tmp_path / pictures[0], tmp_path / "photos")
    assert "holds something else than rows for clip-retrieval" in embed("photos", "--overwrite", code=6).err
    assert "is a file, and a folder is written" in embed(pictures[1], "--overwrite", code=6, images=pictures[:1]).err
    assert (tmp_path / "photos" / pictures[0]).exists() and (tmp_path / pictures[1]).stat().st_size > 0


def test_ids_that_are_not_utf8_are_in_a_column_of_their_own(embed, pictures, tmp_path):
    odd = b"caf\xe9.png"
    shutil.copy(tmp_path / pictures[0], os.fsencode(tmp_path) + b"/" + odd)
    embed("rows", images=[pictures[1], odd])
    assert column(tmp_path / "rows", "image_path") == [pictures[1], None]
    assert column(tmp_path / "rows", "image_path_base64") == [None, base64.b64encode(odd).decode()]


def test_a_folder_is_no_standard_output(run, demo_model, pictures):
    assert_refused(run("embed-image", "-m", demo_model, *pictures, "--layout", "clip-retrieval"), 2, "give -o FOLDER")


READ = """
import json, numpy
from autofaiss import build_index
from embedding_reader import EmbeddingReader

reader = EmbeddingReader(embeddings_folder="rows/img_emb", metadata_folder="rows/metadata", file_format="parquet_npy",
                         meta_columns=["image_path"])
batches = list(reader(batch_size=3, start=0, end=reader.count, show_progress=False))
names = [name for _, meta in batches for name in meta["image_path"]]
rows = numpy.concatenate([rows for rows, _ in batches])
index, _ = build_index("rows/img_emb", save_on_disk=False, verbose=50, index_key="Flat", metric_type="ip")
scores, hits = index.search(rows, 2)
print(json.dumps({"names": names, "rows": rows.tolist(), "hits": hits.tolist()}))
"""


def test_embedding_reader_and_autofaiss_take_the_folder(embed, pictures, tmp_path):
    if not READERS.exists():
        pytest.skip(".venv-clip_retrieval is not there (scripts/setup --databases)")
    embed("rows")
    done = subprocess.run([READERS, "-c", READ], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout.splitlines()[-1])
    written = np.concatenate(rows_in(tmp_path / "rows")).astype(np.float32)
    assert read["names"] == pictures
    assert np.array_equal(np.array(read["rows"], np.float32), written)
    scores = written @ written.T
    assert [hits[0] for hits in read["hits"]] == list(range(5))
    assert [hits[1] for hits in read["hits"]] == [int(np.argsort(-row)[1]) for row in scores]
