"""A small world of colored shapes: scenes, their pictures and captions, and the split that keeps some unseen.

The demo model is trained on this world and judged on combinations that training never shows or says.
"""
