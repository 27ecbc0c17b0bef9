"""Hybrid perturbation: its hardware is three_factor.py and node_perturbation.py."""
