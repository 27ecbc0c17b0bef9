"""The golden model: the specification, in integers."""
