"""Twins of the modulators."""
