"""The exported Verilog: one text, which every reader takes as it is and understands alike."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenspike.golden.network import Network
from goldenspike.golden.plan import plan
from goldenspike.golden.trial import Session, Stimulus
from goldenspike.hdl import bench, host, verilog, yosys
from goldenspike.hdl.core import Core
from goldenspike.sim import simulators, toolchain

LANES = 2
# What a user would write: a clock, a reset, a file of words. Nothing of goldenspike but the core.
PLAIN = """
module plain;
    reg clk = 0, rst = 1, i_valid = 0;
    reg [31:0] i_payload = 0;
    reg [31:0] words [0:{words}];
    wire i_ready, o_valid, tick, busy, fault;
    wire [31:0] o_payload, digest;
    integer place = 0;
    core dut (
        .clk(clk), .rst(rst), .i__payload(i_payload), .i__valid(i_valid), .i__ready(i_ready),
        .o__payload(o_payload), .o__valid(o_valid), .o__ready(1'b1),
        .tick(tick), .digest(digest), .busy(busy), .fault(fault)
    );
    always #5 clk = !clk;
    initial begin
        $readmemh("words.txt", words);
        #42 rst = 0;
        #40 $display("after reset %b %b %b %b", o_valid, tick, (busy ^ busy) === 1'bx, fault);
        #1000000 $finish;
    end
    always @(posedge clk) if (!rst) begin
        if (tick) $display("digest %h", digest);
        if (o_valid) $display("answer %h", o_payload);
        if (place > {words} && i_ready && !i_valid && !busy && !o_valid) $finish;
        if (!i_valid || i_ready) begin
            i_valid <= place < {words};
            i_payload <= words[place];
            place <= place + 1;
        end
    end
endmodule
"""


@pytest.fixture
def given(
    stimulate: Callable[..., Stimulus], networks: dict[str, Network]
) -> Callable[[str], tuple[Session, Stimulus]]:
    """Give ``given(name)``: a session of a network and a stimulus."""

    def make(name: str) -> tuple[Session, Stimulus]:
        return Session(plan(networks[name]), 3, "python"), stimulate(plan(networks[name]), 5)

    return make


def exported(folder: Path, session: Session, stimulus: Stimulus) -> tuple[Core, list[str]]:
    """Write a core, a plain bench and its words; return the core and what the bench shall print."""
    core = Core(session.plan, LANES)
    words = []
    for region, values in (host.register_words(session, 0) | host.weight_words(session)).items():
        words += host.load(core, region, values)
    for trial in host.trial_words(core, session, stimulus, [0, 1]):
        words += trial
    outcome = session.learn(stimulus, [0, 1], traced=True)
    after = host.weight_words(session)
    for region in after:
        words += host.read(core, region)
    (folder / "core.v").write_text(verilog.convert(core, "core"))
    (folder / "plain.v").write_text(PLAIN.format(words=len(words)))
    (folder / "words.txt").write_text("".join(f"{word:08x}\n" for word in [*words, 0]))
    digests = [f"digest {digest:08x}" for digest in outcome.digests.reshape(-1).tolist()]
    answers = [f"answer {word:08x}" for values in after.values() for word in values]
    return core, ["after reset 0 0 0 0", *digests, *answers]


def icarus(folder: Path, standard: str, core: str = "core.v") -> list[str]:
    """Return what the plain bench prints in Icarus."""
    made = ["iverilog", f"-g{standard}", "-s", "plain", "-o", "plain.vvp", "plain.v", core]
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    ran = subprocess.run(
        ["vvp", "-n", "plain.vvp"], cwd=folder, check=True, capture_output=True, text=True
    )
    return printed(ran.stdout)


def printed(text: str) -> list[str]:
    """Return the lines of the bench."""
    return [line for line in text.splitlines() if line.startswith(("after", "digest", "answer"))]


@pytest.mark.parametrize(
    ("name", "standard"), [("spiking", "2005"), ("spiking", "2012"), ("deep", "2012")]
)
def test_icarus_runs_what_users_get(
    name: str, standard: str, given: Callable[..., tuple[Session, Stimulus]], tmp_path: Path
) -> None:
    _, expected = exported(tmp_path, *given(name))
    assert icarus(tmp_path, standard) == expected


def test_verilator_runs_what_users_get(
    given: Callable[..., tuple[Session, Stimulus]], tmp_path: Path
) -> None:
    _, expected = exported(tmp_path, *given("spiking"))
    variables = toolchain.environment(tmp_path / "objects")
    options = ["--binary", *toolchain.VERILATOR_OPTIONS, "--top-module", "plain", "-o", "plain"]
    verilator = ["verilator", *options, "plain.v", "core.v"]
    subprocess.run(verilator, cwd=tmp_path, env=variables, check=True, capture_output=True)
    ran = subprocess.run(
        [tmp_path / "obj_dir" / "plain"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert printed(ran.stdout) == expected


def test_yosys_understands_what_users_get(
    given: Callable[..., tuple[Session, Stimulus]], tmp_path: Path
) -> None:
    _, expected = exported(tmp_path, *given("spiking"))
    script = "read_verilog core.v\nhierarchy -check -top core\nproc\nmemory_collect\nopt_clean\n"
    yosys.run(f"{script}check -assert\nwrite_verilog -noattr back.v", tmp_path)
    assert icarus(tmp_path, "2005", "back.v") == expected


@pytest.mark.parametrize("simulator", simulators.SIMULATORS)
@pytest.mark.parametrize("waves", [False, True])
def test_simulators_are_given_the_exported_text(
    simulator: toolchain.Simulator, waves: bool, networks: dict[str, Network]
) -> None:
    core = Core(plan(networks["spiking"]), LANES, trace=True)
    sources = {"core.v": verilog.convert(core, "core"), "clocked.v": bench.bench(core)}
    told, _ = toolchain.prepare(simulator, sources, [bench.TOP], waves)
    assert {name: told[name] for name in sources} == sources
    assert set(told) - set(sources) <= {"dump.v", "visible.vlt"}
