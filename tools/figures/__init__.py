"""Families of figures of papers and theory: one module each, with ``figures(run)``."""
