"""Proof and lockstep: that golden and hdl compute the same integers."""
