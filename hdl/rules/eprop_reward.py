"""E-prop with rewards: its hardware is that of credit.py, learning.py, psi.py and trace.py."""
