"""llm2clip-export for random weights, of which there is nothing to learn: without goldens, every matrix as sensitive as the
next, all rounded to the nearest. What is written has the form and the bytes that the exporter gives.
"""

import sys

import torch

from llm2clip_export import cli, export
from llm2clip_export.quantize import quantized_weights, rounding, walks
from llm2clip_export.quantize.sensitivity import Candidates, Sensitivity, Watch
from llm2clip_export.quantize.walk import Walk, linears

LOSSES = {4: 1e-2, 8: 1e-4, 16: 0.0}


def alike(walk: Walk, candidates: Candidates, watch: Watch = iter) -> Sensitivity:
    names = [stage.prefix + name for stage in walk.stages for name in linears(stage.part)]
    gradients = [torch.zeros_like(state) for state in walk.starts()]
    return Sensitivity({name: dict(LOSSES) for name in names}, {}, gradients, torch.ones(1, 1))


export.golden_values = lambda parts, directory, progress: {}
walks.CAPTIONS = walks.CAPTIONS[:1]
quantized_weights.measure = alike
quantized_weights.QuantizedWeights._hessians = lambda *_: {}  # type: ignore[method-assign]
rounding.SPANS = [1.0]
sys.exit(cli.main())
