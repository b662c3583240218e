"""Checkpoints by the names they have on the Hub: what is fetched, checked and handed on as folders of the Hub's cache."""
