"""What this package is, and the LibTorch that its library is built with."""

__version__ = "0.2.0"
# A process that has another one is told so.
TORCH = "2.13"
