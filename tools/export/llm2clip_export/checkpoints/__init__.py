"""Reads published checkpoints. One file a family of key names; tensor_files.py and config.py know only files."""
