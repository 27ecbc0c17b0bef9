"""E-prop: its hardware is that of descent.py, local_gradient.py, psi.py and trace.py."""
