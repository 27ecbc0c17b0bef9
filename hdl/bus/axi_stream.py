"""AXI4-Stream, as in Arm's IHI 0051: address events and words, in packets."""

from amaranth.hdl import unsigned
from amaranth.lib import wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out

EVENT = StructLayout(
    {
        "neuron": unsigned(16),
        "population": unsigned(8),
        "reserved": unsigned(6),
        "update": unsigned(1),
        "end": unsigned(1),
        "value": unsigned(32),
    }
)
"""An address event, the lowest bit first.

With `end` it is none, but ends a tick; with `update` as well it ends the update of a trial.
"""


class AxiStream(wiring.Signature):
    """An AXI4-Stream as its transmitter sees it; `tlast` ends a packet.

    Parameters
    ----------
    bits
        Of `tdata`, whole bytes.
    """

    def __init__(self, bits: int) -> None:
        super().__init__({"tdata": Out(bits), "tlast": Out(1), "tvalid": Out(1), "tready": In(1)})
