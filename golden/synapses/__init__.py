"""Synapse models."""
