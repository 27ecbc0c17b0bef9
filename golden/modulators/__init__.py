"""Modulators: the third factors of learning rules."""
