"""Noise: random processes that perturb neurons."""
