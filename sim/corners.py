"""The corners of what descriptions may be: the classes that each field's values fall into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

from goldenspike.golden import catalog
from goldenspike.golden.domains import Between, Formats, OneOf, Whole, domains
from goldenspike.golden.fixed import WIDEST, Format
from goldenspike.golden.network import Network, Population, Projection, Reward, Source

Bin = tuple[Any, ...]
REGISTRIES = (
    *(catalog.NEURONS, catalog.RULES, catalog.SYNAPSES, catalog.NOISES, catalog.BASELINES),
)
DESCRIPTIONS = (
    *(Network, Population, Projection, Reward, Source),
    *(module.Params for registry in REGISTRIES for module in registry.values()),
)
NEAR = 1 / 32
"""How near to an end of its domain a number is to be near it."""


WIDTHS = {
    "1 bit": (1, 1),
    "2 to 16 bits": (2, 16),
    "17 to 32 bits": (17, 32),
    "over 32 bits": (33, WIDEST),
}


def classed(classes: dict[str, tuple[int, int]], value: int) -> str:
    """Return the class of a number."""
    return next(name for name, (low, high) in classes.items() if low <= value <= high)


def of_number(domain: Between, value: float) -> str:
    """Return the corner that a real number is at."""
    if value in (domain.low, domain.high, 0):
        return f"{value:g}"
    if domain.high == 1 and value > 1 - NEAR:
        return "near 1"
    if domain.high == 1 and value < NEAR:
        return "near 0"
    if domain.low < 0 and value < 0:
        return "below 0"
    return "between"


def _numbers(domain: Between) -> list[str]:
    found = ["between"]
    found += [f"{end:g}" for end in (domain.low, domain.high) if end in domain]
    if domain.high == 1:
        found += ["near 0", "near 1"]
    if domain.low < 0:
        found += ["below 0", "0"]
    return found


def of_whole(domain: Whole, value: int) -> str:
    """Return the class that an integer is in."""
    if value in (domain.low, domain.high):
        return str(value)
    for limit in (2, 16, 256):
        if value < limit:
            return f"below {limit}"
    return "large"


def _wholes(domain: Whole) -> list[str]:
    ends = [domain.low, domain.low + 1, 2, 20, 1000, domain.high]
    inside = [value for value in ends if domain.low <= value <= domain.high]
    return sorted({of_whole(domain, value) for value in inside})


def of_width(fmt: Format) -> str:
    """Return the class of a format's width."""
    return classed(WIDTHS, fmt.width)


def of_fraction(fmt: Format) -> str:
    """Return the class of a format's fraction bits."""
    if fmt.frac <= 0:
        return "fraction below 0" if fmt.frac else "no fraction"
    return "fraction within" if fmt.frac < fmt.width else "fraction all, or beyond"


FRACTIONS = ("fraction below 0", "no fraction", "fraction within", "fraction all, or beyond")


def owner(described: type, name: str) -> str:
    """Return what declares a field, in a word: rules share most of theirs."""
    found = [base for base in described.__mro__ if name in vars(base).get("__annotations__", {})]
    module = found[0].__module__.rpartition(".")[2]
    return module if found[0].__name__ == "Params" else found[0].__name__


def _corners(domain: Any) -> list[str]:
    """Return the corners of a domain."""
    if isinstance(domain, OneOf):
        return [word(option) for option in domain.options]
    if isinstance(domain, Between):
        return _numbers(domain)
    if isinstance(domain, Whole):
        return _wholes(domain)
    if isinstance(domain, Formats):
        signs = ["signed", "unsigned"] if domain.signed is None and not domain.behind else []
        return [*signs, *WIDTHS, *([] if domain.behind or domain.fracs else FRACTIONS)]
    return []


def word(value: Any) -> str:
    return value.name.lower() if hasattr(value, "name") else str(value).lower()


def of_value(domain: Any, value: Any) -> list[str]:
    """Return the corners that a value is at."""
    if isinstance(domain, OneOf):
        return [word(value)]
    if isinstance(domain, Between):
        return [of_number(domain, value)]
    if isinstance(domain, Whole):
        return [of_whole(domain, value)]
    if isinstance(domain, Formats):
        return ["signed" if value.signed else "unsigned", of_width(value), of_fraction(value)]
    return []


def every_corner() -> Iterator[Bin]:
    """Yield the corners of all fields."""
    for described in DESCRIPTIONS:
        for name, domain in domains(described).items():
            for corner in _corners(domain):
                yield "field", owner(described, name), name, corner


def corners_of(described: Any) -> Iterator[Bin]:
    """Yield the corners that a description's fields are at."""
    for name, domain in domains(type(described)).items():
        value = getattr(described, name)
        if value is not None:
            title = owner(type(described), name)
            yield from (("field", title, name, corner) for corner in of_value(domain, value))


def descriptions(network: Network) -> Iterator[Any]:
    """Yield all descriptions of a network."""
    yield network
    for p in network.populations:
        yield from (p, p.model)
    for q in network.projections:
        yield q
        for one in (q.synapse, q.rule):
            if one is not None:
                yield one
                noise = getattr(one, "noise", None)
                if is_dataclass(noise):
                    yield noise
    if network.reward is not None:
        yield from (network.reward, network.reward.baseline)
