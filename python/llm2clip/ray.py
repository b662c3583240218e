"""Ray Data: a class for map_batches, whose actors load the model once.

    rows = ray.data.read_parquet("s3://photos").map_batches(
        llm2clip.ray.Embedder, fn_constructor_kwargs={"model": "/shared/models/demo", "images": "jpg"},
        batch_size=64, num_cpus=4, concurrency=16)

docs/how_to/ray.md has a whole job.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from . import set_threads
from .model import Model


class Embedder:
    """Adds a column of rows to batches, which are dicts of arrays. Give the actor whole CPUs (num_cpus) or a GPU (num_gpus)."""

    def __init__(
        self, model: str | os.PathLike[str], *, images: str = "", texts: str = "", rows: str = "vector",
        batch_size: int = 16, **options: Any,
    ) -> None:  # fmt: skip
        """model: a directory that every machine of the cluster sees.

        images: the column of images: bytes of files, or paths; or texts: the column of texts.
        rows: the new column, (N, D) float32. The row of an image that cannot be used is NaN, and a warning is logged.
        options: more for llm2clip.Model: precision="bfloat16", device="cuda".
        """
        if bool(images) == bool(texts):
            raise ValueError(f"images={images!r}, texts={texts!r}: the name of one column is expected")
        set_threads(assigned_cpus())
        self._images, self._texts, self._rows, self._batch_size = images, texts, rows, batch_size
        self.model = Model(model, vision=bool(images), text=bool(texts), **options)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        if self._images:
            images = list(batch[self._images])
            rows = self.model.encode_image(images, batch_size=self._batch_size, on_failure="nan")
        else:
            rows = self.model.encode_text([str(text) for text in batch[self._texts]])
        return {**batch, self._rows: np.asarray(rows)}


def assigned_cpus() -> int:
    """What Ray gave this actor; of a part of a CPU, and outside of Ray, one."""
    import ray

    if not ray.is_initialized():
        return 1
    return max(1, int(ray.get_runtime_context().get_assigned_resources().get("CPU", 1)))
