"""Twins of the random processes."""
