"""The Verilog around a core in simulation: clock, reset, streams from and to files, comparison.

The clock lives here, and digests are compared here, so that the simulator hardly ever calls Python.
Nothing happens before `go`: files are opened then. Words of the file ``+stimulus=`` go
to the core, words from it to ``+answers=``; both streams stall at random unless ``+unstalled``.
Digests must be those of ``+digests=``. `over` says that all is done, that a digest differs (then
`moment` is its number and `found` the core's), or that the core was silent for `limit` cycles.

With ``+trace=`` the architectural writes of tick number ``+moment=`` are written as ``variable
index value``, with ``+ticks=`` the cycle in which each digest comes. ``busies`` counts the cycles
in which trials run.

A line of the stimulus with bit 32 set is no word, but a reset, so many cycles after the word before
it was taken as bits 31..0 say. Ticks in between are not shown.

:func:`free` gives a bench that clocks and stimulates a core and does nothing else: the peer of
lockstep in speed.
"""

from __future__ import annotations

from goldenspike.hdl.core import Core
from goldenspike.hdl.digest import VARIABLE_BITS

TOP = "clocked"
RESET = 1 << 32
"""What marks a reset among the words of a stimulus."""
PATH_BYTES = 1024
BEGINNING = 10
"""Cycles of the first reset."""

TEMPLATE = """`timescale 1ns/1ps
module {top};
    reg go = 0;
    reg [31:0] expected = 0, count = 0, limit = 0;
    wire over, differs, silent, fault;
    wire [31:0] moment, found, cycles, busies;
    rails rails(
        .go(go), .expected(expected), .count(count), .limit(limit), .over(over), .differs(differs),
        .silent(silent), .fault(fault), .moment(moment), .found(found), .cycles(cycles),
        .busies(busies)
    );
endmodule
module rails(
    input go, input [31:0] expected, input [31:0] count, input [31:0] limit,
    output reg over, output reg differs, output reg silent, output fault,
    output reg [31:0] moment, output reg [31:0] found,
    output reg [31:0] cycles, output reg [31:0] busies
);
    reg clk = 0, rst = 1;
    reg [31:0] i_payload = 0, answers = 0, wanted = 0, quiet = 0;
    reg i_valid = 0, o_ready = 0, finished = 0, stalling = 1, tracing = 0, timed = 0;
    reg [31:0] random = 32'h2545F491, next, remaining = 0, right;
    reg [32:0] word;
    reg cutting = 0, cut = 0, resetting = 0, began = 0, ending = 0;
    reg [3:0] beginning = {beginning};
    wire i_ready, o_valid, ticking, busy;
    wire tick = ticking && !cutting;
    wire [31:0] o_payload, digest;
    wire done = finished && !i_valid && !busy && answers == expected && moment == count;
    reg [8*{bytes}-1:0] path;
    integer stimulus, answer, trace, times, digests, code;
{wires}
    {module} dut (
        .clk(clk), .rst(rst || cut), .i__payload(i_payload), .i__valid(i_valid), .i__ready(i_ready),
        .o__payload(o_payload), .o__valid(o_valid), .o__ready(o_ready),
        .tick(ticking), .digest(digest), .busy(busy), .fault(fault){ports}
    );
    initial begin
        over = 0;
        differs = 0;
        silent = 0;
        moment = 0;
        found = 0;
        cycles = 0;
        busies = 0;
    end
    always #5 clk = !clk;
    // One block of one edge: a simulator looks after each further event at every step.
    always @(posedge clk) if (!go) begin
    end else if (beginning != 0) begin
        if (beginning == {beginning}) begin
            code = $value$plusargs("stimulus=%s", path);
            stimulus = $fopen(path, "r");
            code = $value$plusargs("answers=%s", path);
            answer = $fopen(path, "w");
            code = $value$plusargs("digests=%s", path);
            digests = $fopen(path, "r");
            if ($value$plusargs("ticks=%s", path)) begin
                timed = 1;
                times = $fopen(path, "w");
            end
            if ($test$plusargs("unstalled")) stalling = 0;
            if ($value$plusargs("moment=%d", wanted)) begin
                tracing = 1;
                code = $value$plusargs("trace=%s", path);
                trace = $fopen(path, "w");
            end
        end
        beginning <= beginning - 1;
        rst <= beginning != 1;
    end else if (ending) begin
        if (!over) begin
            $fflush(answer);
            if (tracing) $fflush(trace);
            if (timed) $fflush(times);
        end
        over <= 1;  // When all else has settled.
    end else begin
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
        if (!cutting && !finished && (!i_valid || i_ready)) begin
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
        end
        if (tracing && began && !cutting && moment == wanted) begin
{writes}
        end
        quiet <= quiet + 1;
        if (tick) begin
            quiet <= 0;
            moment <= moment + 1;
            if (timed) $fwrite(times, "%0d\\n", cycles);
            code = $fscanf(digests, "%h\\n", right);
            if (code != 1 || digest !== right) begin
                {{ending, differs}} <= 3;
                moment <= moment;
                found <= digest;
                cycles <= cycles;
            end
        end else if (done || quiet == limit) begin
            ending <= 1;
            silent <= !done;
            cycles <= cycles;
        end
    end
endmodule
"""

FREE = """`timescale 1ns/1ps
module {top};
    reg clk = 0, rst = 1;
    reg [31:0] i_payload = 0, answers = 0, expected = 0, cycles = 0, seen = 0, word;
    reg i_valid = 0, finished = 0;
    wire i_ready, o_valid, tick, busy, fault;
    wire [31:0] o_payload, digest;
    reg [8*{bytes}-1:0] path;
    integer stimulus, code;
    core dut (
        .clk(clk), .rst(rst), .i__payload(i_payload), .i__valid(i_valid), .i__ready(i_ready),
        .o__payload(o_payload), .o__valid(o_valid), .o__ready(1'b1),
        .tick(tick), .digest(digest), .busy(busy), .fault(fault)
    );
    initial begin
        code = $value$plusargs("stimulus=%s", path);
        stimulus = $fopen(path, "r");
        code = $value$plusargs("expected=%d", expected);
        #100 rst = 0;
    end
    always #5 clk = !clk;
    always @(posedge clk) if (!rst) begin
        cycles <= cycles + 1;
        if (!finished && (!i_valid || i_ready)) begin
            code = $fscanf(stimulus, "%h\\n", word);
            i_payload <= word;
            i_valid <= code == 1;
            if (code != 1) finished <= 1;
        end
        if (o_valid) answers <= answers + 1;
        // What nobody looks at, a simulator leaves out.
        if (o_valid) seen <= seen ^ o_payload;
        else if (tick) seen <= seen ^ digest;
        if (finished && !i_valid && !busy && answers == expected) begin
            $display("cycles %0d, seen %h, fault %b", cycles, seen, fault);
            $finish;
        end
    end
endmodule
"""


def bench(core: Core, module: str = "core") -> str:
    """Return the Verilog of the bench around a core, whose module has that name.

    It shows the writes of a core that was made with ``trace=True``.
    """
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
        module=module,
        bytes=PATH_BYTES,
        beginning=BEGINNING,
        wires="\n".join(wires),
        ports="".join(ports),
        writes="\n".join(writes),
    )


def free() -> str:
    """Return the Verilog of a bench around a core made without traces; it compares nothing."""
    return FREE.format(top=TOP, bytes=PATH_BYTES)
