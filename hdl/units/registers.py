"""Registers that the host can load and read."""

from amaranth.hdl import Module, Signal

from goldenspike.hdl.units.common import Region


class Registers:
    """A region of registers that the core keeps: each takes one word, or two beyond 32 bits."""

    def __init__(self, name: str, signals: list[Signal]) -> None:
        self.parts = [
            (signal, place) for signal in signals for place in range(0, max(len(signal), 1), 32)
        ]
        self.region = Region(name, len(self.parts))

    def build(self, m: Module) -> None:
        """Add the host's accesses to the module that drives the registers."""
        region = self.region
        place = Signal(range(len(self.parts) + 1))
        with m.If(region.begin):
            m.d.sync += place.eq(0)
        with m.Elif(region.load | region.read):
            m.d.sync += place.eq(place + 1)
        with m.Switch(place):
            for k, (signal, low) in enumerate(self.parts):
                with m.Case(k):
                    with m.If(region.load):
                        m.d.sync += signal[low : low + 32].eq(region.data)
                    with m.If(region.read):
                        part = signal[low:] if signal.shape().signed else signal[low : low + 32]
                        wide = part.as_signed() if signal.shape().signed else part
                        m.d.sync += region.value.eq(wide)
