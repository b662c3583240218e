"""llm2clip-export for random weights, of which there is nothing to learn: without goldens, the cost of rounding measured on
one caption, 4 bits rounded to the nearest. What is written has the form and the bytes that the exporter gives.
"""

import sys

from llm2clip_export import cli, export
from llm2clip_export.quantize import quantized_weights, walks

export.golden_values = lambda parts, directory, progress: {}
walks.CAPTIONS = walks.CAPTIONS[:1]
quantized_weights.calibrate_to_4_bits = lambda weight, group, hessian: quantized_weights.round_to_4_bits(weight, group)
sys.exit(cli.main())
