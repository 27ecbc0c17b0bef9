"""Twins of the learning rules."""
