"""Experiments, each a TOML file."""
