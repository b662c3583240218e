"""Turns published LLM2CLIP checkpoints into model directories (docs/model_format.md)."""

__version__ = "0.1.0"
