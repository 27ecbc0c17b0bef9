"""Finite difference: its hardware is codes.py and three_factor.py."""
