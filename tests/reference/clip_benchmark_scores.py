"""Recall and accuracy as CLIP_benchmark computes them, of rows that lie in files. Runs in .venv-clip_benchmark.

    clip_benchmark_scores.py retrieval IN.npz OUT.npy     images, texts, owners (the row of each text's image)
    clip_benchmark_scores.py zero-shot IN.npz OUT.npy     images, labels, truth
"""

import sys
import types

import numpy as np
import torch
from clip_benchmark.metrics import zeroshot_classification, zeroshot_retrieval


class Batches(list):
    """What a loader of a dataset is to CLIP_benchmark."""

    def __init__(self, batches, labels):
        super().__init__(batches)
        self.dataset = types.SimpleNamespace(classes=labels)


class Rows:
    """A model that was asked already: an image or a text is the row that stands for it."""

    def encode_image(self, rows):
        return rows

    def encode_text(self, rows):
        return rows


def retrieval(images, texts, owners):
    """R@1, R@5, R@10 of images that look for their texts, then of texts that look for their images."""
    captions = [[str(text) for text in np.flatnonzero(owners == image)] for image in range(len(images))]
    batches = [(images[at : at + 16], captions[at : at + 16]) for at in range(0, len(images), 16)]
    order = torch.tensor([int(text) for theirs in captions for text in theirs])
    assert torch.equal(order, torch.arange(len(texts))), "texts must stand in the order of their images"
    metrics = zeroshot_retrieval.evaluate(Rows(), batches, lambda names: texts[[int(name) for name in names]], "cpu",
                                          amp=False, recall_k_list=[1, 5, 10])
    return [metrics[f"{side}_retrieval_recall@{k}"] for side in ("text", "image") for k in (1, 5, 10)]


def zero_shot(images, labels, truth):
    """top-1, top-5 and the mean of the labels' top-1."""
    names = [str(label) for label in range(len(labels))]
    metrics = zeroshot_classification.evaluate(
        Rows(), Batches([(images, torch.from_numpy(truth))], names), lambda texts: labels[[int(text) for text in texts]],
        names, ["{c}"], "cpu", amp=False)
    return [metrics["acc1"], metrics["acc5"], metrics["mean_per_class_recall"]]


def main():
    task, source, target = sys.argv[1:]
    arrays = np.load(source)
    images = torch.from_numpy(arrays["images"])
    if task == "retrieval":
        scores = retrieval(images, torch.from_numpy(arrays["texts"]), arrays["owners"])
    else:
        scores = zero_shot(images, torch.from_numpy(arrays["labels"]), arrays["truth"])
    np.save(target, np.array([scores], np.float32))


if __name__ == "__main__":
    main()
