"""E-prop for adaptive LIF neurons: its hardware is that of eprop.py."""
