"""Plumbing: the parts of a core that move integers between memories and twins, and compute nothing."""
