"""examples/ray_embed.py on a Ray of this machine: files become files of rows, whoever is killed meanwhile."""

import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
ARCHIVES, IMAGES, BAD = 3, 300, 7


@pytest.fixture
def inputs(tmp_path):
    """Archives whose eighth image is none, and a Parquet file of two images."""
    (tmp_path / "bad.png").write_text("no image")
    for color in ("red", "blue"):
        Image.new("RGB", (640, 480), color).save(tmp_path / f"{color}.png")
    files = []
    for number in range(ARCHIVES):
        files.append(tmp_path / f"{number:06}.tar")
        with tarfile.open(files[-1], "w") as file:
            for image in range(IMAGES):
                name = "bad" if image == BAD else ("red", "blue")[image % 2]
                file.add(tmp_path / f"{name}.png", arcname=f"{image:04}.png")
    contents = [(tmp_path / f"{color}.png").read_bytes() for color in ("red", "blue")]
    pq.write_table(pa.table({"id": ["red", "blue"], "image": contents}), tmp_path / "pictures.parquet")
    return [*files, tmp_path / "pictures.parquet"]


@pytest.fixture
def ray_embed(cluster_python, binary, demo_model, tmp_path):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "python"), "LLM2CLIP_LIBRARY": str(binary.parents[2] / "src/libllm2clip.so"),
        "RAY_DEDUP_LOGS": "0", "RAY_USAGE_STATS_ENABLED": "0",
        # Ray's workers give way to everybody else: on a machine that compiles they load for minutes.
        "RAY_worker_niceness": "0",
    }  # fmt: skip
    log = (tmp_path / "log").open("w")

    def start(*inputs: Path) -> subprocess.Popen[str]:
        command = [cluster_python, ROOT / "examples/ray_embed.py", demo_model, tmp_path / "rows", *inputs]
        return subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=log, text=True)

    return start


def writer_of(folder: Path) -> int:
    """The process that has an unfinished file in `folder` open; 0: none has."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()).startswith(f"{folder}/") for link in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:  # it has ended
            continue
    return 0


def lines_of(printed: str) -> list[str]:
    """Without what Ray says on the same stream: which worker died."""
    return [line for line in printed.splitlines() if line.endswith(("files are left", "failed"))]


def test_an_actor_that_is_killed_loses_nothing(ray_embed, inputs, tmp_path):
    process = ray_embed(*inputs)
    while process.poll() is None and not (actor := writer_of(tmp_path / "rows")):
        time.sleep(0.05)  # a search through /proc takes a while itself
    assert process.poll() is None, "it ended before an actor was found"
    os.kill(actor, signal.SIGKILL)
    printed, _ = process.communicate(timeout=280)
    assert process.returncode == 0, (tmp_path / "log").read_text()[-4000:]
    lines = lines_of(printed)
    assert lines[0] == f"{len(inputs)} of {len(inputs)} files are left"
    expected = [f"{path}: {IMAGES - 1} embedded, 1 failed" for path in inputs[:-1]] + [f"{inputs[-1]}: 2 embedded, 0 failed"]
    assert sorted(lines[1:]) == sorted(expected)
    assert sorted(path.name for path in (tmp_path / "rows").iterdir()) == sorted(path.stem + ".parquet" for path in inputs)
    for path in inputs[:-1]:
        table = pq.read_table(tmp_path / "rows" / f"{path.stem}.parquet")
        assert table["id"].to_pylist() == [f"{path}/{image:04}.png" for image in range(IMAGES)]
        vectors = table["vector"].to_pylist()
        assert [index for index, vector in enumerate(vectors) if vector is None] == [BAD]
        assert np.allclose(np.linalg.norm([vector for vector in vectors if vector], axis=1), 1, atol=1e-5)
    (tmp_path / "rows" / "000001.parquet").unlink()
    again = ray_embed(*inputs)
    printed, _ = again.communicate(timeout=280)
    assert again.returncode == 0, (tmp_path / "log").read_text()[-4000:]
    assert lines_of(printed) == [f"1 of {len(inputs)} files are left", expected[1]]
