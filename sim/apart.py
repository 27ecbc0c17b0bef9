"""Which registers of mutants ever differ from the core's, in a run of scripts.

A circuit of and-gates is simulated. Each value is a word: bit 0 is of the core as it is, every
other bit of one mutant. The host sends its next word when the core has taken the last one. A
register that differs in no run may still differ: the proof that uses the answer checks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

from goldenspike.sim.mutation import CONTROL_BITS, POWER_UP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goldenspike.sim.equivalence import Pairs
    from goldenspike.sim.mutation_scripts import Script

TOGETHER = 63
"""Mutants of a simulation."""
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
RESET, REST = 8, 16
"""Cycles of a reset, and idle ones that end a part."""
LONGEST = 100_000
"""Cycles of a part, at most."""


class Ports(NamedTuple):
    """Literals of a core's ports: inputs, then outputs."""

    rst: int
    valid: int
    ready: int
    payload: np.ndarray
    taken: int
    busy: int


def _ports(pairs: Pairs) -> Ports:
    def given(name: str) -> int:
        return 2 * (pairs.answers[name][0] + 1)

    def shown(name: str) -> int:
        return pairs.circuit.outputs[pairs.outputs[name][0]]

    payload = pairs.answers["i__payload"]
    return Ports(
        given("rst"),
        given("i__valid"),
        given("o__ready"),
        np.array([2 * (payload[bit] + 1) if bit in payload else 0 for bit in range(32)]),
        shown("i__ready"),
        shown("busy"),
    )


@njit
def _evaluate(values: np.ndarray, gates: np.ndarray) -> None:
    for k in range(len(gates)):
        literal = gates[k, 0]
        value = values[gates[k, 1]] & values[gates[k, 2]]
        values[literal] = value
        values[literal + 1] = ~value


@njit
def _give(values: np.ndarray, literal: int, bit: int) -> None:
    word = np.uint64(0) if bit == 0 else ~np.uint64(0)
    values[literal] = word
    values[literal + 1] = ~word


@njit
def _play(
    values: np.ndarray,
    gates: np.ndarray,
    nexts: np.ndarray,
    first: int,
    differs: np.ndarray,
    words: np.ndarray,
    ports: Any,
    stalls: int,
    limit: int,
) -> None:
    """Reset the core, send it words, and wait until it is idle, `limit` cycles at most."""
    rst, valid, ready, payload, taken, busy = ports
    sent, rest, cycle, random = 0, 0, 0, stalls
    offered = False
    state = np.empty(len(nexts), np.uint64)
    while rest < REST and cycle < limit:
        resetting = cycle < RESET
        if stalls:
            random = (random ^ random << 13) & 0xFFFFFFFF
            random = random ^ random >> 17
            random = (random ^ random << 5) & 0xFFFFFFFF
        if not offered and not resetting and sent < len(words):
            offered = stalls == 0 or random % 16 != 0
        _give(values, rst, 1 if resetting else 0)
        _give(values, valid, 1 if offered else 0)
        _give(values, ready, 1 if stalls == 0 or (random >> 4 & 3) != 0 else 0)
        for bit in range(32):
            if payload[bit]:
                _give(values, payload[bit], words[sent] >> bit & 1 if offered else 0)
        _evaluate(values, gates)
        if offered and values[taken] & np.uint64(1):
            offered = False
            sent += 1
        idle = sent == len(words) and not values[busy] & np.uint64(1)
        rest = rest + 1 if idle and not resetting else 0
        for k in range(len(nexts)):
            state[k] = values[nexts[k]]
        for k in range(len(nexts)):
            word = state[k]
            values[first + 2 * k] = word
            values[first + 2 * k + 1] = ~word
            differs[k] |= word ^ (~np.uint64(0) if word & np.uint64(1) else np.uint64(0))
        cycle += 1


def registers(
    pairs: Pairs, numbers: Sequence[int], scripts: Sequence[Script]
) -> dict[int, list[int]]:
    """Return the registers that differ in a run of scripts, by the mutant.

    Parameters
    ----------
    pairs
        The circuit, whose memories are all registers.
    numbers
        Of the mutants.
    scripts
        What the host sends; memories hold anything at first.
    """
    circuit = pairs.circuit
    gates = np.array(circuit.gates, np.int64).reshape(-1, 3)
    nexts = np.array([literal for literal, _ in circuit.latches], np.int64)
    first, ports = 2 * (circuit.inputs + 1), _ports(pairs)
    random = np.random.default_rng(POWER_UP)
    found: dict[int, list[int]] = {}
    for start in range(0, len(numbers), TOGETHER):
        chosen = list(numbers[start : start + TOGETHER])
        values = np.zeros(2 * (1 + circuit.inputs + len(nexts) + len(gates)), np.uint64)
        values[1::2] = ALL
        for bit in range(CONTROL_BITS):
            if bit in pairs.control:
                word = sum((number >> bit & 1) << k for k, number in enumerate(chosen, 1))
                literal = 2 * (pairs.control[bit] + 1)
                values[literal], values[literal + 1] = np.uint64(word), ALL ^ np.uint64(word)
        for k in sorted(pairs.words):
            word = ALL if random.integers(2) else np.uint64(0)
            values[first + 2 * k], values[first + 2 * k + 1] = word, ALL ^ word
        differs = np.zeros(len(nexts), np.uint64)
        for script in scripts:
            for part in script.parts:
                words = np.array([word & 0xFFFFFFFF for word in part.words], np.uint64)
                limit = part.abort or LONGEST
                _play(values, gates, nexts, first, differs, words, ports, script.stalls, limit)
        for k, number in enumerate(chosen, 1):
            found[number] = [int(r) for r in np.flatnonzero(differs >> np.uint64(k) & np.uint64(1))]
    return found
