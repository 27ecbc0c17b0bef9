"""Delta rule: its hardware is trace.py, descent.py, three_factor.py and learning.py."""
