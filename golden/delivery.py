"""Planning what is delivered to populations: synapses, perturbations, exact sums."""

from __future__ import annotations

from typing import Any

from goldenspike.golden import catalog
from goldenspike.golden.fixed import BIT, WIDEST, Format
from goldenspike.golden.network import Network, Population, Projection, Source
from goldenspike.golden.parameters import choice
from goldenspike.golden.planned import Code, Noise, Perturbation, PlannedPopulation, white
from goldenspike.golden.randomness import Stream
from goldenspike.golden.rules import codes, three_factor
from goldenspike.golden.synapses import delta

UNUSED = Format(False, 1, WIDEST)
"""What a receptor without synapses gets: always 0."""


class Delivery:
    """What a projection delivers: worked out before the populations that it goes to.

    Attributes
    ----------
    signal
        Format of the delivered signal.
    weight
        Format of the weights.
    constants
        Of the delta synapse that multiplies it by a weight.
    perturbation
        Of the weights, or None.
    """

    def __init__(
        self,
        q: Projection,
        number: int,
        pre: Format,
        size: int,
        first: tuple[int, int],
        weight: Format,
    ) -> None:
        self.description, self.number, self.weight = q, number, weight
        rule: Any = q.rule
        self.rule: Any = None
        if rule is not None:
            self.rule = catalog.RULES[catalog.name_of(catalog.RULES, rule)]
        self.filter: Any = None
        self.filter_constants = None
        self.signal = pre
        if q.synapse is not None:
            self.filter = catalog.SYNAPSES[catalog.name_of(catalog.SYNAPSES, q.synapse)]
            self.filter_constants = q.synapse.constants(pre)
            self.signal = self.filter.STEP.ports(self.filter_constants).outputs.signal
        self.perturbation = None
        if rule is not None and self.rule.PERTURBS == "weight":
            stream = Stream.WEIGHT_PERTURBATION + number
            code = _code(rule.code, first)
            self.perturbation = _perturbation(
                rule, weight, stream, size, f"weights of {q.name}", code=code
            )
            weight = three_factor.perturbed_format(self.perturbation.constants)
        self.constants = delta.Constants(weight, self.signal)
        self.current = delta.current_format(self.constants)

    @property
    def output(self) -> Format | None:
        """The format of the variate times the signal, if a rule traces their sum."""
        if self.rule is None or self.rule.TRACE != "output":
            return None
        found: Any = self.perturbation
        return delta.current_format(delta.Constants(found.constants.variate, self.signal))


def _perturbation(
    params: Any,
    value: Format,
    stream: int,
    size: int,
    what: str,
    code: Code | None = None,
    noise: Noise | None = None,
) -> Perturbation:
    variate = params.distribution.variate if noise is None else noise.variate
    wide = Format(True, WIDEST, value.frac)  # It is added exactly: only its last bit must agree.
    amplitude = wide.constant(params.amplitude, f"Amplitude of {what}")
    if amplitude == 0:
        raise ValueError(f"Amplitude of {what} must be above 0 in {value}, not {amplitude}")
    constants = three_factor.PerturbConstants(value, variate, amplitude)
    stride = 1 << (size - 1).bit_length()
    return Perturbation(
        params.distribution, stream, constants, params.amplitude, stride, code, noise
    )


def _coded(network: Network) -> list[Projection]:
    """Return the projections whose weights have a code."""
    return [
        q for q in network.projections if getattr(q.rule, "code", "random") in ("walsh", "one_hot")
    ]


def code_indices(network: Network) -> tuple[dict[str, int], int]:
    """Return the first index of every coded projection, and the bits of their period."""
    sizes = {p.name: p.size for p in network.populations}
    firsts, index = {}, 1  # The Walsh sequence of index 0 is constant.
    for q in _coded(network):
        firsts[q.name] = index
        index += sizes[q.pre] * sizes[q.post]
    return firsts, codes.constants(index).bits


def _code(name: str, first: tuple[int, int]) -> Code | None:
    """Return the code of a name, or None if it is random."""
    if name == "random":
        return None
    cell = {"one_hot": codes.ONE_HOT, "walsh": codes.WALSH}[name]
    index, bits = first
    return Code(cell, codes.Constants(bits), index)


def _noise(params: Any) -> Noise:
    """Return what makes the variates of neurons."""
    distribution = params.distribution
    if params.noise is None:
        return white(distribution)
    module: Any = catalog.NOISES[catalog.name_of(catalog.NOISES, params.noise)]
    constants = params.noise.constants(distribution)
    outputs: Any = module.STEP.ports(constants).outputs
    variate, score = outputs.variate, outputs.score
    if variate.frac < 0:
        raise ValueError(f"Noise must have 0 or more fraction bits, not {variate}")
    largest = max(-score.low, score.high)
    bits, rest = params.noise.bits(distribution), variate.nearest(params.noise.rest)
    return Noise(params.noise, module.STEP, constants, bits, variate, score, largest, rest)


def _sum(name: str, incoming: list[tuple[str, Format, int]]) -> Format:
    """Return the format of the exact sum of a population's currents."""
    frac = max(fmt.frac for _, fmt, _ in incoming)
    low = sum((fmt.low * size) << (frac - fmt.frac) for _, fmt, size in incoming)
    high = sum((fmt.high * size) << (frac - fmt.frac) for _, fmt, size in incoming)
    current = Format.holding(min(low, 0), high, frac)
    if current.width > WIDEST:
        raise ValueError(
            f"Accumulator of {name} must fit {WIDEST} bits, not {current.width}: "
            f"narrow the weights or signals of {', '.join(q for q, _, _ in incoming)}"
        )
    return current


def _agreeing(name: str, what: str, rules: list[Any]) -> Any:
    """Return the rule of several that must perturb alike."""
    first = rules[0].rule
    for q in rules:
        same = (first.amplitude, first.distribution, getattr(first, "noise", None)) == (
            q.rule.amplitude,
            q.rule.distribution,
            getattr(q.rule, "noise", None),
        )
        if not same:
            raise ValueError(
                f"{what} of {name} must agree in size, distribution and noise, "
                f"not those of {rules[0].name} and {q.name}"
            )
    return first


def signal_names(model: Any) -> dict[str, str]:
    """Return the populations whose signals a model's cell takes neuron by neuron, by field."""
    if isinstance(model, Source):
        return {}
    return {name: getattr(model, name) for name in getattr(neuron_module(model), "SIGNALS", ())}


def _tapped(p: Population, planned: dict[str, PlannedPopulation]) -> dict[str, PlannedPopulation]:
    """Return the populations whose signals a population takes neuron by neuron, by field."""
    found = {field: planned[name] for field, name in signal_names(p.model).items()}
    for field, other in found.items():
        if other.size not in (1, p.size):
            sizes = " or ".join(map(str, sorted({1, p.size})))
            raise ValueError(
                f"{field.capitalize()} of {p.name} must be of {sizes} neurons, "
                f"not {other.name} of {other.size}"
            )
    names = [other.name for other in found.values()]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"Signals of {p.name} must be of different populations, not {name!r}")
    return found


def _window(p: Population, ticks: int) -> int | None:
    """Return in how many last ticks a population is active, 0 for all; None if all it ever is."""
    model: Any = p.model
    if not getattr(neuron_module(model), "WINDOWED", False):
        return None
    if not 0 <= model.window <= ticks:
        raise ValueError(f"Window of {p.name} must be 0 to {ticks}, not {model.window}")
    return model.window


def planned_population(
    p: Population,
    number: int,
    deliveries: list[Delivery],
    sizes: dict[str, int],
    depth: int,
    planned: dict[str, PlannedPopulation],
    ticks: int,
) -> PlannedPopulation:
    """Return a population with the sums of what is delivered to it.

    Parameters
    ----------
    planned
        The populations before it in the order of a tick.
    """
    model: Any = p.model
    if isinstance(model, Source):
        if deliveries:
            raise ValueError(
                f"Source {p.name} must have no projection to it, not {len(deliveries)}"
            )
        return PlannedPopulation(
            number, p.name, p.size, model, None, None, model.signal, {"signal": BIT}, None
        )
    module = neuron_module(model)
    if module.RECEPTORS and not deliveries:
        raise ValueError(f"Population {p.name} must have a projection to it, not none")
    if deliveries and not module.RECEPTORS:
        name = deliveries[0].description.name
        raise ValueError(f"Population {p.name} must have no projection to it, not {name}")
    signals = _tapped(p, planned)
    currents = {}
    for receptor in module.RECEPTORS:
        into = [
            d for d in deliveries if (d.description.receptor or module.RECEPTORS[0]) == receptor
        ]
        listed = [(d.description.name, d.current, sizes[d.description.pre]) for d in into]
        currents[receptor] = _sum(p.name, listed) if listed else UNUSED
    for d in deliveries:
        choice(
            f"Receptor of {d.description.name}", d.description.receptor, (None, *module.RECEPTORS)
        )
    perturbing = [
        d.description for d in deliveries if d.rule is not None and d.rule.PERTURBS == "neuron"
    ]
    tracing = [d for d in deliveries if d.output is not None]
    if perturbing and tracing:
        raise ValueError(
            f"Rules of projections to {p.name} must trace either its noise or its output, "
            f"not {perturbing[0].name} the one and {tracing[0].description.name} the other"
        )
    driven = list(currents.values())
    perturbation = output = None
    if perturbing:
        first = module.RECEPTORS[0]
        if currents[first] is UNUSED:
            raise ValueError(f"Receptor {first} of {p.name} must have a projection to perturb it")
        rule = _agreeing(p.name, "Node perturbations", perturbing)
        stream = Stream.NEURON_PERTURBATION + number
        perturbation = _perturbation(
            rule, currents[first], stream, p.size, f"currents of {p.name}", noise=_noise(rule)
        )
        driven[0] = three_factor.perturbed_format(perturbation.constants)
    if tracing:
        _agreeing(p.name, "Hybrid perturbations", [d.description for d in tracing])
        products: Any = [(d.description.name, d.output, sizes[d.description.pre]) for d in tracing]
        output = _sum(p.name, products)
    constants = model.constants(*driven, *(other.signal for other in signals.values()))
    signal = module.STEP.ports(constants).outputs.signal
    return PlannedPopulation(
        number,
        p.name,
        p.size,
        model,
        module,
        constants,
        signal,
        currents,
        perturbation,
        output,
        depth,
        signals,
        _window(p, ticks),
    )


def neuron_module(model: Any) -> Any:
    """Return the module of a neuron model's ``Params``."""
    return catalog.NEURONS[catalog.name_of(catalog.NEURONS, model)]
