"""Embeds the images of many files on a Ray cluster: each tar archive or Parquet file becomes a Parquet file of rows.

    python ray_embed.py MODEL OUTPUT INPUT... [--actors N] [--cpus N] [--column NAME]

INPUT and OUTPUT are paths that every machine sees, or addresses such as s3://bucket/shards/000000.tar. Where OUTPUT has the
rows of a file already, the file is passed over: give the same command again after whatever ended it. Files appear whole.
"""

import argparse
import itertools
import posixpath
import tarfile
from collections.abc import Iterator
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

import llm2clip.ray

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
AT_ONCE = 256  # images in memory


def members(url: str, column: str) -> Iterator[tuple[str, bytes]]:
    """The images of a file with their ids, one after the other."""
    with fsspec.open(url, "rb") as file:
        if url.endswith(".parquet"):
            for batch in pq.ParquetFile(file).iter_batches(AT_ONCE, columns=["id", column]):
                yield from zip(batch["id"].to_pylist(), batch[column].to_pylist())
            return
        with tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                if member.isfile() and member.name.lower().endswith(IMAGES):
                    yield f"{url}/{member.name}", archive.extractfile(member).read()  # type: ignore[union-attr]


def blocks(images: Iterator[tuple[str, bytes]]) -> Iterator[dict[str, Any]]:
    while batch := list(itertools.islice(images, AT_ONCE)):
        yield {"id": [name for name, _ in batch], "image": [content for _, content in batch]}


def output_of(url: str, output: str) -> str:
    return posixpath.join(output, posixpath.basename(url).rpartition(".")[0] + ".parquet")


class FileEmbedder:
    """An actor: the model is loaded once, and files come one by one."""

    def __init__(self, model: str, output: str, column: str):
        self.embed = llm2clip.ray.Embedder(model, images="image")
        self.output, self.column = output, column

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for url in map(str, batch["url"]):
            rows, failed = self.write(url)
            yield {"url": [url], "rows": [rows], "failed": [failed]}

    def write(self, url: str) -> tuple[int, int]:
        """An image that failed has a row of null."""
        dim = self.embed.model.dim
        schema = pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32(), dim))])
        done = output_of(url, self.output)
        files, path = fsspec.url_to_fs(done + ".part")
        count = failed = 0
        with files.open(path, "wb") as file, pq.ParquetWriter(file, schema) as writer:
            for block in blocks(members(url, self.column)):
                rows = self.embed(block)["vector"]
                bad = ~np.isfinite(rows).all(axis=1)
                vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), dim, mask=pa.array(bad))
                writer.write_table(pa.table([pa.array(block["id"]), vectors], schema=schema))
                count, failed = count + len(bad), failed + int(bad.sum())
        files.mv(path, path.removesuffix(".part"))
        return count - failed, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("output")
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--cpus", type=int, default=1, help="of each actor")
    parser.add_argument("--column", default="image", help="of Parquet files: where the bytes of images are")
    options = parser.parse_args()
    files, folder = fsspec.url_to_fs(options.output)
    files.makedirs(folder, exist_ok=True)
    left = [url for url in options.inputs if not files.exists(files._strip_protocol(output_of(url, options.output)))]
    print(f"{len(left)} of {len(options.inputs)} files are left")
    if not left:
        return
    ray.init(ignore_reinit_error=True)
    done = ray.data.from_items([{"url": url} for url in left], override_num_blocks=len(left)).map_batches(
        FileEmbedder, fn_constructor_args=(options.model, options.output, options.column), batch_size=1,
        num_cpus=options.cpus, concurrency=options.actors)  # fmt: skip
    for row in done.iter_rows():
        print(f"{row['url']}: {row['rows']} embedded, {row['failed']} failed", flush=True)


if __name__ == "__main__":
    main()
