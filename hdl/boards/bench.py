"""The Verilog around a board's top in simulation: clock, reset, and the other end of the line.

The other end is told by time and not by cycles, and shares no code with the UART of the top. Who
runs the bench sets `give` and turns `go`, and has one byte on its way until `given` turns; `taken`
turns when a byte has come from the board, and stands on `got`.
"""

from __future__ import annotations

TOP = "wired"
CLOCK_NS = 10
DIVISOR = 4
"""Clock cycles of a bit: the fewest, as each costs time to simulate."""

TEMPLATE = """`timescale 1ns/1ps
module {top};
    reg clk = 0, rst = 1, rx = 1, go = 0, given = 0, taken = 0;
    reg [7:0] give = 0, got = 0, bits;
    wire tx, running, fault;
    integer k;
    top dut (.clk(clk), .rst(rst), .rx(rx), .tx(tx), .running(running), .fault(fault));
    initial #100 rst = 0;
    always #{half} clk = !clk;
    always @(go) begin
        rx = 0;
        #{bit};
        for (k = 0; k < 8; k = k + 1) begin
            rx = give[k];
            #{bit};
        end
        rx = 1;
        #{bit};
        given = !given;
    end
    integer n;
    always @(negedge tx) begin
        #{middle};
        for (n = 0; n < 8; n = n + 1) begin
            #{bit};
            bits[n] = tx;
        end
        #{bit};
        got = bits;
        taken = !taken;
    end
endmodule
"""


def bench() -> str:
    """Return the Verilog of the bench around a top called ``top``."""
    bit = DIVISOR * CLOCK_NS
    return TEMPLATE.format(top=TOP, half=CLOCK_NS // 2, bit=bit, middle=bit // 2)
