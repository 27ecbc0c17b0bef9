"""The command ``goldenspike``: what can be asked for, and how errors are told.

A module of the same name does each command's work. It is imported when its command runs, so that
``--help`` does not wait for compilers and simulators.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import typer
from typer.exceptions import TyperException

from goldenspike.tools.console import InputError, ReaderGoneError, complain, naming_stdout

FAILED, BAD_INPUT, INTERNAL, INTERRUPTED = 1, 2, 70, 130
"""Exit statuses; that of an internal error is EX_SOFTWARE of BSD's sysexits."""
SIGNALLED = 128
"""What a shell adds to the number of the signal that ended a program."""

app = typer.Typer(
    name="goldenspike",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Learning spiking networks on two rails: a bit-exact fixed-point model in Python and the "
        "hardware that computes the same integers.\n\n"
        "An EXPERIMENT is one that comes with goldenspike ('goldenspike models' lists them) or "
        "your own TOML file. Start with 'goldenspike demo'."
    ),
    epilog=(
        "Exit status: 0 if all is well, 1 if a check failed, 2 for bad input, 70 for an internal "
        "error, which please report; 129, 130, 141 and 143 after HUP, Ctrl-C, a reader of the "
        "output that went away, and TERM."
    ),
)

Experiment = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="A shipped experiment, or a TOML file.")
]
Seed = Annotated[
    int | None, typer.Option(help="Of all randomness, instead of the experiment's.", min=0)
]
Lanes = Annotated[int, typer.Option(help="Synapses a clock cycle: 1, 2, 4, 8, 16 or 32.")]
Neurons = Annotated[int, typer.Option(help="Neurons a clock cycle: as many as lanes, or fewer.")]
Json = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write the outcome as JSON too.", dir_okay=False),
]
Junit = Annotated[
    Path | None,
    typer.Option(
        "--junit", metavar="FILE", help="Write it as JUnit XML, for CI servers.", dir_okay=False
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder of the results.", show_default="build/NAME", file_okay=False),
]


def _command(*examples: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a command whose help ends with examples."""
    return app.command(epilog=_examples(*examples))


def _examples(*examples: str) -> str:
    """Return examples as a help text ends with them."""
    lines = "\n\n".join(f"  goldenspike {example}" for example in examples)
    return f"Examples:\n\n{lines}"


@_command("demo", "demo --trials 20000 --lockstep 100")
def demo(
    trials: Annotated[
        int | None, typer.Option(help="Learning trials, instead of the experiment's.", min=1)
    ] = None,
    lockstep: Annotated[int, typer.Option(help="Trials that the hardware learns too.", min=1)] = 64,
    seed: Seed = None,
    lanes: Lanes = 8,
    out: Annotated[Path, typer.Option(help="Folder of the results.", file_okay=False)] = Path(
        "build/demo"
    ),
) -> int:
    """Show the whole of it: a network learns digits, and its hardware learns the same bits.

    Trains in the golden model beside float64, runs the first trials again on the hardware in
    lockstep, compares every weight, and writes the Verilog.
    """
    from goldenspike.tools import demo as work

    return work.run(trials=trials, together=lockstep, seed=seed, lanes=lanes, out=out)


@_command(
    "learn digits",
    "learn digits --trials 20000 --seed 7 --out build/seven",
    "learn my_network.toml --no-float",
)
def learn(
    experiment: Experiment,
    trials: Annotated[
        int | None, typer.Option(help="Learning trials, instead of the experiment's.", min=1)
    ] = None,
    seed: Seed = None,
    engine: Annotated[
        Literal["compiled", "python", "ideal"],
        typer.Option(help="Compiled, unbounded Python integers (slow), or float64."),
    ] = "compiled",
    beside: Annotated[
        bool, typer.Option("--float/--no-float", help="Learn the same trials in float64 too.")
    ] = True,
    out: Out = None,
) -> int:
    """Let an experiment learn in the golden model.

    Prints the task's figures; writes the learning curve, the weights and the figures.
    """
    from goldenspike.tools import learn as work

    return work.run(experiment, trials=trials, seed=seed, engine=engine, beside=beside, out=out)


@_command(
    "cosim digits",
    "cosim digits --trials 200 --lanes 4 --simulator both",
    "cosim digits --weights build/digits/weights.npz --trials 10 --waves build/digits.vcd",
)
def cosim(
    experiment: Experiment,
    trials: Annotated[int, typer.Option(help="Trials that both rails learn.", min=1)] = 50,
    lanes: Lanes = 8,
    neurons: Neurons = 1,
    simulator: Annotated[
        Literal["verilator", "icarus", "both"], typer.Option(help="What the hardware runs in.")
    ] = "verilator",
    seed: Seed = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Start from the weights that 'learn' wrote.", show_default="the seed's"),
    ] = None,
    waves: Annotated[Path | None, typer.Option(help="Record waveforms to this .vcd file.")] = None,
    stalls: Annotated[
        bool, typer.Option("--stalls/--no-stalls", help="Stall the core's streams at random.")
    ] = True,
    from_trial: Annotated[
        int, typer.Option(help="Golden learns that many trials alone first.", min=0)
    ] = 0,
    json: Json = None,
    junit: Junit = None,
) -> int:
    """Run model and hardware in lockstep, one digest a tick.

    Names the first write that differs, if any, and the command that replays it.
    """
    from goldenspike.tools import cosim as work
    from goldenspike.tools.records import Records

    return work.run(
        experiment,
        trials=trials,
        lanes=lanes,
        neurons=neurons,
        simulator=simulator,
        seed=seed,
        weights=weights,
        waves=waves,
        stalls=stalls,
        first=from_trial,
        records=Records("cosim", json, junit),
    )


@_command(
    "prove",
    "prove digits",
    "prove digits --solver bitwuzla",
    "prove --all --junit build/prove.xml",
    "prove --sequencer",
)
def prove(
    experiments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXPERIMENT]...",
            help="Prove the parts of these; by default the cases of the catalog.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The catalog and all experiments that are shipped.")
    ] = False,
    sequencer: Annotated[
        bool,
        typer.Option(
            "--sequencer",
            help="Not the parts that compute, but what moves data between them: streams, visits, "
            "memory ports, schedules.",
        ),
    ] = False,
    solver: Annotated[
        Literal["z3", "bitwuzla", "cvc5"],
        typer.Option(help="Who answers: the others are a second opinion."),
    ] = "z3",
    jobs: Annotated[
        int | None,
        typer.Option(help="Processes that prove.", show_default="one a processor", min=1),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Prove again what is kept as proved and has not changed."),
    ] = False,
    json: Json = None,
    junit: Junit = None,
) -> int:
    """Prove, for all inputs, that the hardware's parts equal the model's.

    Proofs are kept; what has not changed since is not proved again.
    """
    from goldenspike.tools import prove as work
    from goldenspike.tools.records import Records

    if sequencer:
        if experiments or everything or solver != "z3" or jobs is not None or fresh:
            raise InputError(
                "--sequencer must stand alone, without EXPERIMENT, --all, --solver, --jobs, --fresh"
            )
        return work.check(records=Records("prove-sequencer", json, junit))
    return work.run(
        experiments or [],
        everything=everything,
        solver=solver,
        jobs=jobs,
        fresh=fresh,
        records=Records("prove", json, junit),
    )


@_command(
    "certify mine.toml",
    "certify digits --lanes 4 --time 600 --out build/digits_certificate",
    "certify --check build/digits_certificate fpga/digits_core.v",
    "certify --check build/digits_certificate --replay",
)
def certify(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXPERIMENT]",
            help="A shipped experiment, or a TOML file, which needs no task; with --check a "
            "Verilog file.",
            show_default=False,
        ),
    ] = None,
    lanes: Lanes = 8,
    neurons: Neurons = 1,
    trials: Annotated[
        int, typer.Option(help="Learning trials of each run in lockstep.", min=2)
    ] = 3,
    time: Annotated[
        float, typer.Option(metavar="SECONDS", help="Limit of the sequencer's claims.", min=0)
    ] = 120.0,
    seed: Seed = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Prove again what is kept as proved.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the certificate.",
            show_default="build/NAME/certificate",
            file_okay=False,
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Tell whether a Verilog file is the one that this certifies.",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="With --check: make all checks again.")
    ] = False,
) -> int:
    """Check a network and its hardware in every way, and write a certificate.

    Proves its parts; lets four readers read its Verilog, and two simulators run it beside the
    golden model, stalled and not, with resets; checks the sequencer's claims at its own shape, as
    far as the time allows. Ends with status 1 if a check failed; the certificate says so too.
    """
    from goldenspike.tools import certify as work

    if check is not None:
        return work.compare(check, Path(experiment) if experiment else None, replay=replay)
    if experiment is None or replay:
        raise InputError("certify must have an EXPERIMENT, or --check FOLDER")
    asked = work.Asked(lanes, neurons, seed, trials, time)
    return work.run(experiment, asked, fresh=fresh, out=out)


@_command(
    "fuzz --seeds 0:20",
    "fuzz --seeds 0:1000 --log build/fuzz.jsonl",
    "fuzz --seeds 0:3 --aim 'field: match: window: large'",
)
def fuzz(
    seeds: Annotated[str, typer.Option(help="First seed, and the one after the last.")],
    size: Annotated[
        str | None,
        typer.Option(help="small, long, wide, large or giant.", show_default="that of each seed"),
    ] = None,
    simulator: Annotated[
        Literal["verilator", "icarus"] | None,
        typer.Option(help="What the hardware runs in.", show_default="that of each seed"),
    ] = None,
    aim: Annotated[
        str | None, typer.Option(help="Coverage bin that each network is to be in.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="Gets a line of JSON a network; those it has are not run.")
    ] = None,
) -> int:
    """Run random networks in lockstep: whatever a description may be, as a function of a seed.

    Names the first write that differs, if any, and the command that replays it.
    """
    from goldenspike.tools import fuzz as work

    return work.run(seeds, size=size, simulator=simulator, aim=aim, log=log)


@_command("coverage --seeds 0:100", "coverage --seeds 0:1000 --json build/coverage.json")
def coverage(
    seeds: Annotated[str, typer.Option(help="First seed, and the one after the last.")],
    size: Annotated[
        str | None,
        typer.Option(help="small, long, wide, large or giant.", show_default="that of each seed"),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Gets all bins, and who covers them.")
    ] = None,
) -> int:
    """List the coverage bins that random networks hit, and those still open. Runs no simulator."""
    from goldenspike.tools import fuzz as work

    return work.cover(seeds, size=size, report=json)


@_command("mutate", "mutate coded deep --count 50", "mutate --report docs/mutation.md")
def mutate(
    cores: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CORE]...", help="Cores, by name; by default all.", show_default=False
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="Faults of each core.", min=1, max=10000)] = 200,
    seed: Annotated[int, typer.Option(help="Of the draw.", min=1)] = 1,
    results: Annotated[
        Path | None,
        typer.Option(
            help="File of results, to go on with.", show_default="results.jsonl in build/mutation"
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the table to this .md file.")] = None,
) -> int:
    """Draw single faults in the netlists of cores, and tell which of our checks kills each.

    Ends with status 1 if fewer than 99 % of those are killed that are not proved equivalent.
    """
    from goldenspike.tools import mutation as work

    return work.run(cores or [], count=count, seed=seed, results=results, page=report)


@_command(
    "verilog digits",
    "verilog digits --bus axi --header firmware/digits.h",
    "verilog digits --lanes 16 --out core.v --synth ecp5",
    "verilog digits --testbench --trials 4",
)
def verilog(
    experiment: Experiment,
    lanes: Lanes = 8,
    neurons: Neurons = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="The Verilog file.", show_default="build/NAME/core.v", dir_okay=False),
    ] = None,
    bus: Annotated[
        Literal["stream", "axi"],
        typer.Option(help="Two plain streams of words, or AXI4-Lite and AXI4-Stream."),
    ] = "stream",
    header: Annotated[
        Path | None,
        typer.Option(
            help="With --bus axi: the C header of its registers.",
            show_default="beside the Verilog, .h",
            dir_okay=False,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check/--no-check", help="See that Yosys and Icarus read it, and lint it."),
    ] = True,
    synth: Annotated[
        Literal["ecp5", "ice40"] | None, typer.Option(help="Synthesise it and count its cells.")
    ] = None,
    testbench: Annotated[
        bool,
        typer.Option("--testbench", help="Write a bench that checks itself, for any simulator."),
    ] = False,
    trials: Annotated[int, typer.Option(help="Learning trials of that bench.", min=1)] = 2,
    seed: Annotated[
        int | None, typer.Option(help="Of that bench, instead of the experiment's.", min=0)
    ] = None,
) -> int:
    """Write an experiment's hardware as Verilog.

    Prints its ports and what a host can load and read. Beside the Verilog lie this as JSON, the
    ports and the register map as Markdown, a template of an instance, a FuseSoC description, the
    waivers for Verilator's lint, and with --bus axi a C header. With --testbench a folder beside it
    has a SystemVerilog bench, what it plays, and what the golden model learns of the same trials.
    """
    from goldenspike.tools import verilog as work

    return work.run(
        experiment,
        lanes=lanes,
        neurons=neurons,
        out=out,
        bus=bus,
        header=header,
        check=check,
        synth=synth,
        trials=trials if testbench else None,
        seed=seed,
    )


@_command(
    "bitstream digits --board ulx3s_85f",
    "bitstream mine.toml --board icebreaker --lanes 1 --no-digest",
    "bitstream digits --board ulx3s_85f --frequency 40 --out build/fast",
)
def bitstream(
    experiment: Experiment,
    board: Annotated[
        str, typer.Option(metavar="NAME", help="The board, such as ulx3s_85f or icebreaker.")
    ],
    lanes: Lanes = 8,
    neurons: Neurons = 1,
    frequency: Annotated[
        float | None,
        typer.Option(metavar="MHZ", help="Of the core's clock.", show_default="the board's"),
    ] = None,
    baud: Annotated[int, typer.Option(help="Bits a second on the serial line.", min=1)] = 1_000_000,
    digest: Annotated[
        bool, typer.Option("--digest/--no-digest", help="Without digests it is smaller.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the results.", show_default="build/NAME/BOARD", file_okay=False
        ),
    ] = None,
) -> int:
    """Make a board's bitstream of an experiment, with Yosys and nextpnr.

    Prints what it takes and how fast it is; ends with status 1 if that is too slow.
    """
    from goldenspike.tools import bitstream as work

    return work.run(
        experiment,
        board_name=board,
        lanes=lanes,
        neurons=neurons,
        frequency=frequency,
        baud=baud,
        digest=digest,
        out=out,
    )


@_command(
    "device digits --port /dev/ttyUSB0",
    "device digits --port /dev/ttyUSB0 --trials 10000 --weights build/digits/weights.npz",
    "device werfel_node --simulate --lanes 2",
)
def device(
    experiment: Experiment,
    port: Annotated[
        str | None,
        typer.Option(help="The board's serial port.", show_default=False),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Simulate the board, behind a pseudo-terminal.")
    ] = False,
    trials: Annotated[int, typer.Option(help="Trials that both learn.", min=1)] = 50,
    baud: Annotated[
        int, typer.Option(help="Bits a second, as the bitstream was made for.", min=1)
    ] = 1_000_000,
    lanes: Annotated[int, typer.Option(help="Of a simulated board: 1, 2, 4, 8, 16 or 32.")] = 8,
    neurons: Annotated[int, typer.Option(help="Of a simulated board: 1, or up to its lanes.")] = 1,
    simulator: Annotated[
        Literal["verilator", "icarus"], typer.Option(help="What a simulated board runs in.")
    ] = "verilator",
    seed: Seed = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Start from the weights that 'learn' wrote.", show_default="the seed's"),
    ] = None,
) -> int:
    """Let a board learn beside the golden model, and compare every digest and every weight.

    The board has the bitstream of the same experiment; ends with status 1 if anything differs.
    """
    from goldenspike.tools import device as work

    return work.run(
        experiment,
        port=port,
        simulate=simulate,
        trials=trials,
        baud=baud,
        lanes=lanes,
        neurons=neurons,
        simulator=simulator,
        seed=seed,
        weights=weights,
    )


@_command(
    "cycles digits",
    "cycles cue_accumulation --lanes 16 --neurons 8 --mhz 60",
    "cycles digits --trials 10 --check",
)
def cycles(
    experiment: Experiment,
    lanes: Lanes = 8,
    neurons: Neurons = 1,
    trials: Annotated[int, typer.Option(help="Learning trials that are counted.", min=1)] = 2,
    mhz: Annotated[float, typer.Option(metavar="MHZ", help="Of the clock.")] = 50.0,
    seed: Seed = None,
    check: Annotated[bool, typer.Option("--check", help="Let Verilator count them too.")] = False,
) -> int:
    """Count the clock cycles of an experiment's first trials, exactly, without a simulator.

    Prints where they go. With --check it ends with status 1 if the simulated core takes others.
    """
    from goldenspike.tools import cycles as work

    return work.run(
        experiment, trials=trials, lanes=lanes, neurons=neurons, mhz=mhz, seed=seed, check=check
    )


@_command("models", "models lif", "models --program digits")
def models(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Show this one's equations.", show_default=False),
    ] = None,
    program: Annotated[
        str | None,
        typer.Option(metavar="EXPERIMENT", help="Print the program that the engine runs."),
    ] = None,
) -> int:
    """List what networks and experiments can be made of."""
    from goldenspike.tools import models as work

    return work.run(name, program)


@_command("reproduce", "reproduce linear werfel", "reproduce --all")
def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Families of figures; without any they are listed.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All of them, and write the table as Markdown.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the families.")] = False,
    rtl: Annotated[
        bool, typer.Option("--rtl/--no-rtl", help="Run the hardware in lockstep too.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The Markdown file.", show_default="docs/reproduce.md with --all", dir_okay=False
        ),
    ] = None,
) -> int:
    """Measure what papers and theory say: in float64, in fixed point and on the hardware.

    Prints them beside each other; ends with status 1 if one is out of its band.
    """
    from goldenspike.tools import reproduce as work

    return work.run(names or [], everything=everything, listed=listed, hardware=rtl, out=out)


bench_app = typer.Typer(
    invoke_without_command=True,
    epilog=_examples("bench", "bench --no-hardware", "bench hardware"),
)
app.add_typer(bench_app, name="bench")


@bench_app.callback()
def bench(
    context: typer.Context,
    hardware: Annotated[
        bool, typer.Option("--hardware/--no-hardware", help="Measure the simulated core too.")
    ] = True,
    peers: Annotated[
        bool, typer.Option("--peers/--no-peers", help="Run other simulators that are installed.")
    ] = True,
) -> int:
    """Measure how fast the engine and the simulated hardware are on this machine.

    With 'hardware', measure what cores take of an FPGA and how fast they are.
    """
    if context.invoked_subcommand is not None:
        return 0
    from goldenspike.tools import bench as work

    return work.run(hardware=hardware, beside=peers)


@bench_app.command(
    "hardware",
    epilog=_examples(
        "bench hardware",
        "bench hardware lif_256",
        "bench hardware digits --route",
        "bench hardware --all --update",
    ),
)
def bench_hardware(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Networks of the benchmark (eprop_256, eprop_traces_256, lif_256, node_32), or "
            "experiments.",
            show_default="all of the benchmark",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The benchmark and all experiments that are shipped.")
    ] = False,
    route: Annotated[
        bool | None,
        typer.Option(
            "--route/--no-route",
            help="Place and route too, which takes minutes.",
            show_default="the benchmark's networks",
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write what was measured to the committed table.")
    ] = False,
) -> int:
    """Measure cores: cycles of a tick, cells of an FPGA, and clock.

    Prints them beside those of other cores; ends with status 1 if cells, clock or cycles are worse
    than the committed table's by more than 10 %.
    """
    from goldenspike.tools import hardware as work

    return work.run(names or [], everything=everything, routed=route, update=update)


class Ended(BaseException):
    """A signal that ends the command, once all that it started is ended too."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """Turn TERM and HUP into an exception, so that child processes and half files go too."""

    def end(number: int, _: Any) -> None:
        raise Ended(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:  # nohup's HUP stays ignored.
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Reported:
    """Tells of an error that is ours: its traceback, and what to report.

    Attributes
    ----------
    status
        None, or that of an internal error.
    """

    def __init__(self, given: Sequence[str]) -> None:
        self.given, self.status = given, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        traceback.print_exception(error)
        from goldenspike.tools.results import versions

        listed = ", ".join(f"{name} {version}" for name, version in versions().items())
        system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
        complain(
            f"internal error: {kind.__name__}. Please report it with the lines above, {listed}, "
            f"{system}, and the command that replays it: "
            f"{shlex.join(['goldenspike', *self.given])}"
        )
        self.status = INTERNAL
        return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; errors are one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with _Reported(given) as reported, _ending():
        return _run(given)
    return reported.status or 0


def _run(given: list[str]) -> int:
    try:
        status = app(given, prog_name="goldenspike", standalone_mode=False)
        with naming_stdout():
            sys.stdout.flush()
    except InputError as error:
        complain(error)
        return BAD_INPUT
    except TyperException as error:
        complain(error.format_message())
        return BAD_INPUT
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Ended as error:
        complain(f"ended by {signal.Signals(error.number).name}")
        return SIGNALLED + error.number
    except ReaderGoneError:
        _silence()
        return SIGNALLED + signal.SIGPIPE
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else error)
        if error.filename == "standard output":
            _silence()
        return BAD_INPUT
    except MemoryError as error:
        complain(f"Memory must hold what is asked for, and does not: {error or 'it is full'}")
        return BAD_INPUT
    except RuntimeError as error:
        status = _failure(error)
    if status == INTERRUPTED:
        complain("interrupted")
    return int(status or 0)


def _silence() -> None:
    """Let what is still to be written to the standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failure(error: RuntimeError) -> int:
    """Tell of a missing tool or a failed one; any other error is ours and keeps its traceback."""
    from goldenspike.hdl.catalog import MissingTwinError
    from goldenspike.sim.lockstep import LockstepError
    from goldenspike.sim.mutation import MutationError
    from goldenspike.sim.simulators import MissingToolError, SimulationError
    from goldenspike.tools.link import LinkError

    if isinstance(error, (MissingToolError, MissingTwinError)):
        complain(error)
        return BAD_INPUT
    if isinstance(error, (LinkError, LockstepError, MutationError, SimulationError)):
        complain(error)
        return FAILED
    raise error


if __name__ == "__main__":
    sys.exit(main())
