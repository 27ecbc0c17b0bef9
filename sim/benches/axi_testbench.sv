// A bench of @TOP@ that checks itself: @WHAT@.
//
// It loads the core and runs the trials by AXI4-Lite, gives it what they need by AXI4-Stream, and
// compares with the golden model's all events and digests that come, and what windows hold in the
// end. Its files are read from the working directory, or from +files=FOLDER.
// +seed=N stalls all channels by other random numbers, +unstalled not at all. It says PASS and ends,
// or says what differs first and ends by $fatal, which simulators answer with a status other than 0.
`timescale 1ns / 1ps
module @TOP@_tb;
    localparam integer STEPS = @STEPS@, EVENTS = @EVENTS@, DIGESTS = @DIGESTS@;
    localparam integer TICKS = @TICKS@, PASSES = @PASSES@, IN_A_TRIAL = @IN_A_TRIAL@;
    localparam integer FIRST_TRIAL = @FIRST_TRIAL@, PATIENCE = @PATIENCE@;
    localparam [3:0] WRITE = 0, CHECK = 1, WAIT = 2;
    reg [67:0] steps[0:STEPS-1];  // What, address, data.
    reg [67:0] events[0:EVENTS-1];  // Whether it is the last of its packet, and the event.
    reg aclk = 0, aresetn = 0, stalling = 1, done = 0;
    reg [31:0] random = 32'h2545F491, next = 0, seed = 0;
    integer place = -1, seen = 0, moment = 0, cycles = 0, idle = 0, quiet = 0;
    string folder;
    reg [31:0] address = 0, data = 0;
    reg [3:0] kind = WAIT;
    reg asked = 0, given = 0, answered = 1;  // As if a step before the first one were over.
    reg s_axi_awvalid = 0, s_axi_wvalid = 0, s_axi_bready = 0, s_axi_arvalid = 0, s_axi_rready = 0;
    wire s_axi_awready, s_axi_wready, s_axi_bvalid, s_axi_arready, s_axi_rvalid, irq;
    wire [1:0] s_axi_bresp, s_axi_rresp;
    wire [31:0] s_axi_rdata;
    wire [63:0] m_axis_events_tdata;
    wire m_axis_events_tvalid, m_axis_events_tlast;
    reg m_axis_events_tready = 0;
@DECLARED@
    @TOP@ dut (
        .aclk(aclk), .aresetn(aresetn), .irq(irq),
        .s_axi_awaddr(address[@TOP_BIT@:0]), .s_axi_awprot(3'd0),
        .s_axi_awvalid(s_axi_awvalid), .s_axi_awready(s_axi_awready),
        .s_axi_wdata(data), .s_axi_wstrb(4'hf),
        .s_axi_wvalid(s_axi_wvalid), .s_axi_wready(s_axi_wready),
        .s_axi_bresp(s_axi_bresp), .s_axi_bvalid(s_axi_bvalid), .s_axi_bready(s_axi_bready),
        .s_axi_araddr(address[@TOP_BIT@:0]), .s_axi_arprot(3'd0),
        .s_axi_arvalid(s_axi_arvalid), .s_axi_arready(s_axi_arready),
        .s_axi_rdata(s_axi_rdata), .s_axi_rresp(s_axi_rresp),
        .s_axi_rvalid(s_axi_rvalid), .s_axi_rready(s_axi_rready),
@JOINED@
        .m_axis_events_tdata(m_axis_events_tdata), .m_axis_events_tlast(m_axis_events_tlast),
        .m_axis_events_tvalid(m_axis_events_tvalid), .m_axis_events_tready(m_axis_events_tready)
    );

    // Where the core is, by the ends of ticks that came: the tick that is under way.
    task show_moment;
        begin
            if (moment >= DIGESTS) $write("after the last trial");
            else if (moment % IN_A_TRIAL == PASSES * TICKS)
                $write("trial %0d, update", FIRST_TRIAL + moment / IN_A_TRIAL);
            else
                $write(
                    "trial %0d, pass %0d, tick %0d", FIRST_TRIAL + moment / IN_A_TRIAL,
                    moment % IN_A_TRIAL / TICKS, moment % IN_A_TRIAL % TICKS
                );
        end
    endtask

    // What lies at an address.
    task show_address;
        begin
@NAMES@
        end
    endtask

    // What an event says.
    task show_event(input last, input [63:0] event_word);
        begin
            if (event_word[31])
                $write("%0s with digest %h", event_word[30] ? "update" : "tick", event_word[63:32]);
            else
                $write(
                    "event of population %0d, neuron %0d, value %0d", event_word[23:16],
                    event_word[15:0], $signed(event_word[63:32])
                );
            if (last) $write(", the last of its packet");
        end
    endtask

    initial begin
        if (!$value$plusargs("files=%s", folder)) folder = ".";
        if ($value$plusargs("seed=%d", seed)) random = random ^ (seed * 32'h9E3779B9);
        if (random == 0) random = 1;
        if ($test$plusargs("unstalled") != 0) stalling = 0;
        $readmemh({folder, "/steps.hex"}, steps);
        $readmemh({folder, "/events.hex"}, events);
@READ@
        if ((^steps[STEPS-1] ^ ^events[EVENTS-1]) === 1'bx)
            $fatal(1, "The bench's files must be in %0s: name their folder by +files=", folder);
        repeat (4) @(posedge aclk);
        #1 aresetn = 1;
    end
    always #5 aclk = !aclk;

    always @(posedge aclk) if (aresetn) begin
        cycles <= cycles + 1;
        idle <= idle + 1;
        next = random ^ (random << 13);
        next = next ^ (next >> 17);
        next = next ^ (next << 5);
        random <= next;
        if ((^{s_axi_awready, s_axi_wready, s_axi_bvalid, s_axi_arready, s_axi_rvalid, irq,
               m_axis_events_tvalid}) === 1'bx) begin
            show_moment;
            $display(": an output is neither 0 nor 1");
            $fatal(1, "FAIL");
        end

        // AXI4-Lite, one access after the other; address and data in either order.
        if (!done && kind == WRITE) begin
            if (s_axi_awvalid && s_axi_awready) s_axi_awvalid <= 0;
            else if (!asked && (!stalling || next[1:0] != 0)) begin
                s_axi_awvalid <= 1;
                asked <= 1;
            end
            if (s_axi_wvalid && s_axi_wready) s_axi_wvalid <= 0;
            else if (!given && (!stalling || next[3:2] != 0)) begin
                s_axi_wvalid <= 1;
                given <= 1;
            end
            s_axi_bready <= !stalling || next[4];
            if (s_axi_bvalid && s_axi_bready) begin
                answered <= 1;
                s_axi_bready <= 0;
                if (s_axi_bresp != 0) begin
                    show_moment;
                    $write(": a write to ");
                    show_address;
                    $display(" is answered with %0d", s_axi_bresp);
                    $fatal(1, "FAIL");
                end
            end
        end
        if (!done && kind == CHECK) begin
            if (s_axi_arvalid && s_axi_arready) s_axi_arvalid <= 0;
            else if (!asked && (!stalling || next[1:0] != 0)) begin
                s_axi_arvalid <= 1;
                asked <= 1;
            end
            s_axi_rready <= !stalling || next[4];
            if (s_axi_rvalid && s_axi_rready) begin
                answered <= 1;
                s_axi_rready <= 0;
                if (s_axi_rresp != 0 || s_axi_rdata !== data) begin
                    show_moment;
                    $write(": ");
                    show_address;
                    if (s_axi_rresp != 0) $display(" is answered with %0d", s_axi_rresp);
                    else $display(" is %h, the model has %h", s_axi_rdata, data);
                    $fatal(1, "FAIL");
                end
            end
        end
        if (!done && kind == WAIT && irq) answered <= 1;
        if (answered && !done) begin
            idle <= 0;
            place <= place + 1;
            answered <= 0;
            asked <= 0;
            given <= 0;
            if (place + 1 == STEPS) done <= 1;
            else {kind, address, data} <= steps[place+1];
        end

        // Events of neurons, and the ends of ticks with their digests.
        m_axis_events_tready <= !stalling || next[6:5] != 0;
        if (m_axis_events_tvalid && m_axis_events_tready) begin
            if (seen >= EVENTS || {m_axis_events_tlast, m_axis_events_tdata}
                !== events[seen % EVENTS][64:0]) begin
                show_moment;
                $write(": ");
                show_event(m_axis_events_tlast, m_axis_events_tdata);
                if (seen >= EVENTS) $display("; the model has none");
                else begin
                    $write("; the model has ");
                    show_event(events[seen][64], events[seen][63:0]);
                    $display;
                end
                $fatal(1, "FAIL");
            end
            if (m_axis_events_tdata[31]) moment <= moment + 1;
            seen <= seen + 1;
            idle <= 0;
        end
        if (idle > PATIENCE) begin
            show_moment;
            $display(": nothing happens for %0d cycles", PATIENCE);
            $fatal(1, "FAIL");
        end
        // A while after the last answer: nothing more may come.
        quiet <= done && seen == EVENTS ? quiet + 1 : 0;
        if (quiet == 100) begin
            $display(
                "PASS: @TOP@, %0d digests, %0d events and all windows equal the model's, in %0d cycles",
                DIGESTS, EVENTS - DIGESTS, cycles
            );
            $finish;
        end
    end
@SENDERS@
endmodule
