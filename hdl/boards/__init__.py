"""Boards: a UART with frames around a core, clocks, tops."""
