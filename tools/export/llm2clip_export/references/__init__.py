"""What the reference computes, in float32 or better from the exported weights.

Never by our towers: the point is that the two agree. transformers, tokenizers and Pillow where they have it; what has no
reference that can be installed beside LibTorch (adapter, EVA02) is evaluated from the published tensors by the formulas
of its code, in float64. One file a part.
"""
