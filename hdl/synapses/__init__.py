"""Twins of the synapse models."""
