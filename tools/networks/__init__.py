"""Networks of the hardware's benchmark, and what its figures were."""
