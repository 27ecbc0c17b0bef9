"""The Verilog around a core in simulation: clock, reset, streams from and to files, traces.

The clock lives here, so that the simulator calls Python once a tick and not twice a cycle. Words
of the file ``+stimulus=`` go to the core, words from it to ``+answers=``; both streams stall at
random unless ``+unstalled``. With ``+trace=`` the architectural writes of tick number ``+moment=``
are written as ``variable index value``. ``busies`` counts the cycles in which trials run.

A line of the stimulus with bit 32 set is no word, but a reset, so many cycles after the word before
it was taken as bits 31..0 say. Ticks in between are not shown.
"""

from __future__ import annotations

from goldenspike.hdl.core import Core
from goldenspike.hdl.digest import VARIABLE_BITS

TOP = "clocked"
RESET = 1 << 32
"""What marks a reset among the words of a stimulus."""
PATH_BYTES = 1024

TEMPLATE = """`timescale 1ns/1ps
module {top};
    reg clk = 0, rst = 1;
    reg [31:0] i_payload = 0, answers = 0, expected = 0, moment = 0, wanted = 0, cycles = 0;
    reg [31:0] busies = 0;
    reg i_valid = 0, o_ready = 0, finished = 0, stalling = 1, tracing = 0, go = 0;
    reg [31:0] random = 32'h2545F491, next, remaining = 0;
    reg [32:0] word;
    reg cutting = 0, cut = 0, resetting = 0, began = 0;
    wire i_ready, o_valid, ticking, busy, fault;
    wire tick = ticking && !cutting;
    wire [31:0] o_payload, digest;
    wire done = finished && !i_valid && !busy && answers == expected;
    reg [8*{bytes}-1:0] path;
    integer stimulus, answer, trace, code;
{wires}
    core dut (
        .clk(clk), .rst(rst || cut), .i__payload(i_payload), .i__valid(i_valid), .i__ready(i_ready),
        .o__payload(o_payload), .o__valid(o_valid), .o__ready(o_ready),
        .tick(ticking), .digest(digest), .busy(busy), .fault(fault){ports}
    );
    initial begin
        code = $value$plusargs("stimulus=%s", path);
        stimulus = $fopen(path, "r");
        code = $value$plusargs("answers=%s", path);
        answer = $fopen(path, "w");
        code = $value$plusargs("expected=%d", expected);
        if ($test$plusargs("unstalled")) stalling = 0;
        if ($value$plusargs("moment=%d", wanted)) begin
            tracing = 1;
            code = $value$plusargs("trace=%s", path);
            trace = $fopen(path, "w");
        end
        #100 rst = 0;
    end
    always #5 clk = !clk;
    always @(posedge clk) if (!rst && go) begin
        cycles <= cycles + 1;
        busies <= busies + (busy && began && !cutting);
        if (i_valid && i_ready) began <= 1;
        if (cutting) begin
            remaining <= remaining - 1;
            cut <= remaining == 0;
            if (resetting) {{resetting, cutting, began}} <= 0;  // Later: tick must have no glitch.
            else resetting <= cut;
        end
        next = random ^ (random << 13);
        next = next ^ (next >> 17);
        next = next ^ (next << 5);
        random <= next;
        if (!cutting && (!i_valid || i_ready)) begin
            i_valid <= 0;
            if (!stalling || next[3:0] != 0) begin
                code = $fscanf(stimulus, "%h\\n", word);
                i_payload <= word[31:0];
                i_valid <= code == 1 && !word[32];
                cutting <= code == 1 && word[32];
                remaining <= word[31:0];
                if (code != 1) finished <= 1;
            end
        end
        o_ready <= !stalling || next[5:4] != 0;
        if (o_valid && o_ready) begin
            $fwrite(answer, "%h\\n", o_payload);
            answers <= answers + 1;
            $fflush(answer);
        end
        if (tick) moment <= moment + 1;
        if (tracing && began && !cutting && moment == wanted) begin
{writes}
            if (tick) $fflush(trace);
        end
    end
endmodule
"""


def bench(core: Core) -> str:
    """Return the Verilog of the bench around a core made with ``trace=True``."""
    wires, ports, writes = [], [], []
    for k in range(core.traces):
        wires.append(
            f"    wire valid_{k}; wire [{VARIABLE_BITS - 1}:0] variable_{k}; "
            f"wire [31:0] index_{k}; wire signed [63:0] value_{k};"
        )
        ports.append(
            f",\n        .trace_{k}_valid(valid_{k}), .trace_{k}_variable(variable_{k}),"
            f"\n        .trace_{k}_index(index_{k}), .trace_{k}_value(value_{k})"
        )
        writes.append(
            f'            if (valid_{k}) $fwrite(trace, "%0d %0d %0d\\n", '
            f"variable_{k}, index_{k}, value_{k});"
        )
    return TEMPLATE.format(
        top=TOP,
        bytes=PATH_BYTES,
        wires="\n".join(wires),
        ports="".join(ports),
        writes="\n".join(writes),
    )
