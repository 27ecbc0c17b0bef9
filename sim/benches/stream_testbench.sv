// A bench of @TOP@ that checks itself: @WHAT@.
//
// It loads the core, runs the trials, reads back what they left, and compares all of it with the
// golden model's. Its files are read from the working directory, or from +files=FOLDER.
// +seed=N stalls both streams by other random numbers, +unstalled not at all. It says PASS and ends,
// or says what differs first and ends by $fatal, which simulators answer with a status other than 0.
`timescale 1ns / 1ps
module @TOP@_tb;
    localparam integer WORDS = @WORDS@, DIGESTS = @DIGESTS@, ANSWERS = @ANSWERS@;
    localparam integer TICKS = @TICKS@, PASSES = @PASSES@, IN_A_TRIAL = @IN_A_TRIAL@;
    localparam integer FIRST_TRIAL = @FIRST_TRIAL@, PATIENCE = @PATIENCE@;
    reg [31:0] words[0:WORDS-1];
    reg [31:0] digests[0:DIGESTS-1];
    reg [31:0] answers[0:ANSWERS-1];
    reg clk = 0, rst = 1, i_valid = 0, o_ready = 0, stalling = 1;
    reg [31:0] i_payload = 0, random = 32'h2545F491, next = 0, seed = 0;
    integer sent = 0, moment = 0, got = 0, cycles = 0, idle = 0, quiet = 0;
    string folder;
    wire i_ready, o_valid, tick, busy, fault;
    wire [31:0] o_payload, digest;
    @TOP@ dut (
        .clk(clk), .rst(rst),
        .i__payload(i_payload), .i__valid(i_valid), .i__ready(i_ready),
        .o__payload(o_payload), .o__valid(o_valid), .o__ready(o_ready),
        .tick(tick), .digest(digest), .busy(busy), .fault(fault)
    );

    // Where the core is, by the digests that came: the tick that is under way.
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

    // What a word that is read back is.
    task show_answer(input integer place);
        begin
@NAMES@
        end
    endtask

    initial begin
        if (!$value$plusargs("files=%s", folder)) folder = ".";
        if ($value$plusargs("seed=%d", seed)) random = random ^ (seed * 32'h9E3779B9);
        if (random == 0) random = 1;
        if ($test$plusargs("unstalled") != 0) stalling = 0;
        $readmemh({folder, "/stimulus.hex"}, words);
        $readmemh({folder, "/digests.hex"}, digests);
        $readmemh({folder, "/answers.hex"}, answers);
        if ((^words[WORDS-1] ^ ^digests[DIGESTS-1] ^ ^answers[ANSWERS-1]) === 1'bx)
            $fatal(1, "The bench's files must be in %0s: name their folder by +files=", folder);
        repeat (4) @(posedge clk);
        #1 rst = 0;
    end
    always #5 clk = !clk;

    always @(posedge clk) if (!rst) begin
        cycles <= cycles + 1;
        idle <= idle + 1;
        next = random ^ (random << 13);
        next = next ^ (next >> 17);
        next = next ^ (next << 5);
        random <= next;
        if (!i_valid || i_ready) begin
            i_valid <= 0;
            if (sent < WORDS && (!stalling || next[3:0] != 0)) begin
                i_payload <= words[sent];
                i_valid <= 1;
                sent <= sent + 1;
                idle <= 0;
            end
        end
        o_ready <= !stalling || next[5:4] != 0;
        if ((^{i_ready, o_valid, tick, busy, fault}) === 1'bx) begin
            show_moment;
            $display(": an output is neither 0 nor 1");
            $fatal(1, "FAIL");
        end
        if (fault) begin
            show_moment;
            $display(": the core did not understand a command");
            $fatal(1, "FAIL");
        end
        if (tick) begin
            if (moment >= DIGESTS || digest !== digests[moment % DIGESTS]) begin
                show_moment;
                if (moment >= DIGESTS) $display(": digest %h, the model has none", digest);
                else $display(": digest %h, the model has %h", digest, digests[moment]);
                $fatal(1, "FAIL");
            end
            moment <= moment + 1;
            idle <= 0;
        end
        if (o_valid && o_ready) begin
            if (got >= ANSWERS || o_payload !== answers[got % ANSWERS]) begin
                show_moment;
                $write(": ");
                show_answer(got);
                if (got >= ANSWERS) $display(" %h, the model has none", o_payload);
                else $display(" is %h, the model has %h", o_payload, answers[got]);
                $fatal(1, "FAIL");
            end
            got <= got + 1;
            idle <= 0;
        end
        if (idle > PATIENCE) begin
            show_moment;
            $display(": nothing happens for %0d cycles", PATIENCE);
            $fatal(1, "FAIL");
        end
        // A while after the last answer: nothing more may come.
        quiet <= sent == WORDS && moment == DIGESTS && got == ANSWERS && !busy ? quiet + 1 : 0;
        if (quiet == 100) begin
            $display(
                "PASS: @TOP@, %0d digests and %0d words equal the model's, in %0d cycles",
                DIGESTS, ANSWERS, cycles
            );
            $finish;
        end
    end
endmodule
