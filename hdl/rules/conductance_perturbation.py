"""Conductance perturbation: its hardware is noise/empiric.py and node_perturbation.py."""
