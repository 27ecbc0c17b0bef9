"""The hardware: twins of the golden cells and the plumbing around them."""
