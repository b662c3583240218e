"""Weights of 8 and 4 bits: what each matrix costs when it is rounded, where the bytes go, and how 4 bits are rounded."""
