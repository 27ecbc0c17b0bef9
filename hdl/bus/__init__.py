"""Standard buses around a core: AXI4-Lite and AXI4-Stream."""
