"""Clocks: what a PLL makes of a board's own."""

from typing import Any, NamedTuple

from amaranth.hdl import ClockDomain, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.io import Buffer, Direction

TOLERANCE = 0.005
"""A frequency that is met to half a percent is met."""
SETTLE = 1 << 8
"""Cycles of the new clock for which a design stays in reset. Block RAM of an iCE40 reads as 0 for
3 us after configuration: the PLL locks later than that, and this comes on top.
"""


class Division(NamedTuple):
    """How a PLL divides: its parameters by name, and the frequency in MHz that it makes."""

    parameters: dict[str, Any]
    mhz: float


def ecp5_division(given: float, wanted: float) -> Division:
    """Return the division of an ECP5's EHXPLLL that comes nearest, frequencies in MHz.

    As Lattice's FPGA-TN-02200 has it: an output at the frequency ``in / CLKI_DIV``, of 10 MHz or
    more, is fed back, so that the oscillator, at 400 to 800 MHz, is ``in / CLKI_DIV * CLKOP_DIV``,
    and ``out = oscillator / CLKOS_DIV``.
    """
    found = [
        Division(
            {
                "CLKI_DIV": slower,
                "CLKFB_DIV": 1,
                "CLKOP_DIV": times,
                "CLKOP_CPHASE": times - 1,
                "CLKOS_DIV": divided,
                "CLKOS_CPHASE": divided - 1,
            },
            given / slower * times / divided,
        )
        for slower in range(1, 129)
        if given / slower >= 10
        for times in range(1, 129)
        if 400 <= given / slower * times <= 800
        for divided in range(1, 129)
    ]
    return min(found, key=lambda one: (abs(one.mhz - wanted), one.parameters["CLKI_DIV"]))


def ice40_division(given: float, wanted: float) -> Division:
    """Return the division of an iCE40's SB_PLL40 that comes nearest, frequencies in MHz.

    As Lattice's FPGA-TN-02052 has it: ``out = in * (DIVF + 1) / (DIVR + 1) / 2**DIVQ``, the phase
    detector at 10 to 133 MHz, the oscillator at 533 to 1066 MHz.
    """
    found = []
    for divr in range(16):
        detected = given / (divr + 1)
        if not 10 <= detected <= 133:
            continue
        ranges = (17, 26, 44, 66, 101)
        filtering = 1 + sum(detected >= end for end in ranges)
        for divf in range(128):
            if not 533 <= detected * (divf + 1) <= 1066:
                continue
            for divq in range(1, 7):
                made = {"DIVR": divr, "DIVF": divf, "DIVQ": divq, "FILTER_RANGE": filtering}
                found.append(Division(made, detected * (divf + 1) / (1 << divq)))
    return min(found, key=lambda one: (abs(one.mhz - wanted), one.parameters["DIVR"]))


class Clock:
    """The clock of a design on a board.

    Parameters
    ----------
    platform
        The board, of amaranth-boards; an iCE40 or an ECP5.
    mhz
        The frequency wanted; None for the board's own.

    Attributes
    ----------
    hz
        The frequency that there will be.

    Raises
    ------
    ValueError
        If the PLL does not come near it.
    """

    def __init__(self, platform: Any, mhz: float | None) -> None:
        self.platform = platform
        own = platform.default_clk_frequency
        self.division: Division | None = None
        self.hz = own
        if mhz is None or abs(mhz * 1e6 - own) < 1:
            return
        divide = ecp5_division if is_ecp5(platform) else ice40_division
        self.division = divide(own / 1e6, mhz)
        if abs(self.division.mhz / mhz - 1) > TOLERANCE:
            raise ValueError(
                f"Frequency must be one that the PLL makes of {own / 1e6:g} MHz, as "
                f"{self.division.mhz:g} MHz is, not {mhz:g}"
            )
        self.hz = self.division.mhz * 1e6

    def build(self, m: Module) -> None:
        """Add the domain `sync` to a module, if the platform's own will not do."""
        if self.division is None:
            return
        platform = self.platform
        parameters = {f"p_{name}": value for name, value in self.division.parameters.items()}
        pin = platform.request(platform.default_clk, dir="-")
        clock, fed_back, locked = Signal(), Signal(), Signal()
        if is_ecp5(platform):
            m.submodules.clock_pin = buffer = Buffer(Direction.Input, pin)
            m.submodules.pll = Instance(
                "EHXPLLL",
                p_PLLRST_ENA="DISABLED",
                p_INTFB_WAKE="DISABLED",
                p_STDBY_ENABLE="DISABLED",
                p_DPHASE_SOURCE="DISABLED",
                p_FEEDBK_PATH="CLKOP",
                p_CLKOP_ENABLE="ENABLED",
                p_CLKOP_FPHASE=0,
                p_CLKOS_ENABLE="ENABLED",
                p_CLKOS_FPHASE=0,
                i_CLKI=buffer.i,
                i_CLKFB=fed_back,
                i_RST=Const(0),
                i_STDBY=Const(0),
                i_PHASESEL0=Const(0),
                i_PHASESEL1=Const(0),
                i_PHASEDIR=Const(1),
                i_PHASESTEP=Const(1),
                i_PHASELOADREG=Const(1),
                i_PLLWAKESYNC=Const(0),
                i_ENCLKOP=Const(0),
                i_ENCLKOS=Const(0),
                o_CLKOP=fed_back,
                o_CLKOS=clock,
                o_LOCK=locked,
                **parameters,
            )
        else:
            m.submodules.pll = Instance(
                "SB_PLL40_PAD",
                p_FEEDBACK_PATH="SIMPLE",
                p_PLLOUT_SELECT="GENCLK",
                io_PACKAGEPIN=pin.io,
                i_RESETB=Const(1),
                i_BYPASS=Const(0),
                o_PLLOUTGLOBAL=clock,
                o_LOCK=locked,
                **parameters,
            )
        platform.add_clock_constraint(clock, self.hz)
        m.domains += [ClockDomain("sync"), ClockDomain("settling", local=True)]
        m.d.comb += [ClockSignal("sync").eq(clock), ClockSignal("settling").eq(clock)]
        m.submodules.locked = ResetSynchronizer(~locked, domain="settling")
        left = Signal(range(SETTLE), init=SETTLE - 1)
        with m.If(left != 0):
            m.d.settling += left.eq(left - 1)
        m.submodules.settled = ResetSynchronizer(left != 0, domain="sync")


def is_ecp5(platform: Any) -> bool:
    """Return whether a board has an ECP5, and not an iCE40."""
    return platform.device.startswith("LFE5")
