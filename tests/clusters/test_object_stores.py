"""The script of docs/how_to/object_stores.md, against an object store on loopback."""

import json
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from doc_blocks import blocks, text_of


@pytest.fixture
def urls(cluster_python, tmp_path):
    """Of three archives of two images each; signed, as an object store gives them."""
    files = []
    for archive in ("a", "b", "c"):
        files.append(tmp_path / "store" / f"{archive}.tar")
        files[-1].parent.mkdir(exist_ok=True)
        with tarfile.open(files[-1], "w") as file:
            for color in ("red", "blue"):
                Image.new("RGB", (40, 30), color).save(tmp_path / "x.png")
                file.add(tmp_path / "x.png", arcname=f"{color}.png")
    command = [cluster_python, Path(__file__).with_name("object_store.py"), *files]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as store:
        yield [store.stdout.readline().strip() for _ in files]
        store.stdin.close()


@pytest.fixture
def embed_urls(binary, demo_model, tmp_path):
    page = blocks(text_of(Path("docs/how_to/object_stores.md")), "sh")
    script = tmp_path / "embed-urls.sh"
    script.write_text(next(block for block in page if block.startswith("#!")))
    (tmp_path / "rows").mkdir()

    def run(*urls: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}"}
        return subprocess.run(["bash", script, demo_model, *urls], cwd=tmp_path / "rows", capture_output=True, text=True,
                              env=environment)

    return run


def test_archives_of_an_object_store_become_files_of_rows(embed_urls, urls, tmp_path):
    missing = urls[1].replace("b.tar", "nowhere.tar")
    done = embed_urls(urls[0], missing, urls[2])
    assert done.returncode == 1, done.stderr
    rows = tmp_path / "rows"
    assert sorted(path.name for path in rows.glob("*.npy")) == ["a.npy", "c.npy"]
    assert not list(rows.glob("nowhere*")) and not list(rows.glob("*.tar"))
    for name in ("a", "c"):
        assert np.load(rows / f"{name}.npy").shape[0] == 2
        ids = [json.loads(line)["id"] for line in (rows / f"{name}.npy.ids.jsonl").read_text().splitlines()]
        assert ids == [f"{name}.tar/red.png", f"{name}.tar/blue.png"]
    before = (rows / "a.npy").stat().st_mtime_ns
    assert embed_urls(*urls).returncode == 0
    assert (rows / "a.npy").stat().st_mtime_ns == before and (rows / "b.npy").exists()
