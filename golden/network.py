"""Descriptions of networks: pure data, in PyNN's words, read from and written to plain tables.

A :class:`Network` has populations, projections between them and, if it learns, a reward. Nothing
here computes; :mod:`goldenspike.golden.plan` checks a network and works out its integers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Annotated, Any

from goldenspike.golden import catalog
from goldenspike.golden.domains import (
    LIMIT,
    Between,
    Count,
    Name,
    OneOf,
    Other,
    Positive,
    Whole,
    check,
)
from goldenspike.golden.fixed import BIT, Format
from goldenspike.golden.parameters import (
    Parameters,
    check_keys,
    flag,
    integer,
    read_format,
    real,
    text,
)

RESERVED = ("reward", "targets")
"""What no population may be called in a network with a reward, where these are something else."""
LONGEST_NAME = 300
"""Characters of a population's name: Verilog's identifiers have 1024, and some are of two names."""
LONGEST = 255
"""The longest delay, in ticks: signals are kept for that long."""


def _keep(description: Any, **values: Any) -> None:
    """Keep the plain values that checking made of a frozen description's fields."""
    for name, value in values.items():
        object.__setattr__(description, name, value)


def _format(noun: str, value: Any) -> Format:
    if not isinstance(value, Format):
        raise TypeError(f"{noun} must be a format such as 'fxp-s16/12', not {value!r}")
    return value.checked()


def _name(noun: str, value: Any) -> str | None:
    """Return a name, or None, which stands for none."""
    return None if value is None else text(noun, value)


@dataclass(frozen=True)
class Source(Parameters):
    """A population that computes nothing: its signal comes from outside.

    Parameters
    ----------
    signal
        Format of the signal; ``fxp-u1/0``, the default, is a spike.
    """

    signal: Format = BIT


@dataclass(frozen=True)
class Population:
    """Neurons of one model.

    Parameters
    ----------
    name
        A lower-case identifier.
    size
        Number of neurons.
    model
        :class:`Source`, or the ``Params`` of a neuron model.
    """

    name: str
    size: Count
    model: Any

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", text("Name of a population", self.name), re.ASCII):
            raise ValueError(f"Name must be a lower-case identifier, not {self.name!r}")
        if len(self.name) > LONGEST_NAME:
            raise ValueError(
                f"Name must have {LONGEST_NAME} characters at most, not {len(self.name)}: "
                f"{self.name[:20]!r} and so on"
            )
        _keep(self, size=integer(f"Size of {self.name}", self.size))
        check(self, self.name)


@dataclass(frozen=True)
class Projection:
    """Synapses from every neuron of `pre` to every neuron of `post`.

    Parameters
    ----------
    pre, post
        Names of populations.
    weight
        Format of the weights.
    delay
        Axonal delay, 0 to 255 ticks: 0 is the signal of this tick; recurrent projections have 1
        or more.
    initial
        Standard deviation of the initial weights (popcount Gaussian), in weight units.
    mean
        Mean of the initial weights, in weight units.
    pattern
        Where initial weights are not 0: ``"full"``; ``"blocks"``, which joins the first neurons
        of `pre` to the first of `post` and so on: ``j`` to ``j * post // pre``; ``"upper"``, which
        joins every neuron to the one of its place and all after it, as running sums do.
    receptor
        What of the postsynaptic neuron it feeds; by default its first.
    synapse
        ``Params`` of a synapse model that filters the presynaptic signal, or None: the signal
        itself is delivered.
    rule
        ``Params`` of a learning rule, or None.
    mirror
        Name of the projection whose weights, transposed, it delivers, or None: symmetric feedback.
    self_connections
        Whether neurons of a recurrent projection have a synapse to themselves; if not, its weight
        is and stays 0.
    """

    pre: Other
    post: Other
    weight: Format
    delay: Annotated[int, Whole(0, LONGEST)] = 0
    initial: Annotated[float, Between(0)] = 0.0
    mean: Annotated[float, Between()] = 0.0
    pattern: Annotated[str, OneOf(("full", "blocks", "upper"))] = "full"
    receptor: Annotated[str | None, Name()] = None
    synapse: Any = None
    rule: Any = None
    mirror: Annotated[str | None, Name()] = None
    self_connections: bool = True

    @property
    def name(self) -> str:
        """The projection's name."""
        return f"{self.pre}_to_{self.post}"

    def __post_init__(self) -> None:
        for key in ("pre", "post"):
            text(f"{key.capitalize()} of a projection", getattr(self, key))
        for key in ("receptor", "mirror"):
            _name(f"{key.capitalize()} of {self.name}", getattr(self, key))
        _format(f"Weight of {self.name}", self.weight)
        _keep(
            self,
            delay=integer(f"Delay of {self.name}", self.delay),
            initial=real(f"Initial of {self.name}", self.initial),
            mean=real(f"Mean of {self.name}", self.mean),
            self_connections=flag(f"Self connections of {self.name}", self.self_connections),
        )
        check(self, self.name)
        if not self.self_connections and self.pre != self.post:
            raise ValueError(f"Self connections of {self.name} must be left out: it has none")


@dataclass(frozen=True)
class Reward:
    """The third factor: what a trial's error is and what it is compared with.

    Parameters
    ----------
    readout
        Population whose signal is judged.
    objective
        Name of an objective of the catalog, or ``"external"``: the error comes from outside.
    baseline
        ``Params`` of a baseline.
    reward
        Format of the reward, baseline minus error.
    target
        Format of the targets; of the error itself for ``"external"``.
    scale
        Error times `scale` is what `eta` refers to, such as ``1/(2T)``.
    sign
        Whether only the reward's sign is used: 1, 0 or -1 in its place.
    period
        Ticks of a time bin, if there is a reward after each; 0, the default, is one reward after
        the trial. Rules that learn during a trial need bins, the others none.
    delay
        How many bins late the reward comes.
    """

    readout: Other
    objective: Annotated[str, OneOf((*catalog.OBJECTIVES, "external"))]
    baseline: Any
    reward: Format
    target: Format
    scale: Positive = 1.0
    sign: bool = False
    period: Annotated[int, Whole(0, LIMIT - 1)] = 0
    delay: Annotated[int, Whole(0, LONGEST)] = 0

    def __post_init__(self) -> None:
        text("Readout of the reward", self.readout)
        _format("Reward", self.reward)
        _format("Target", self.target)
        _keep(
            self,
            scale=real("Scale", self.scale),
            sign=flag("Sign", self.sign),
            period=integer("Period", self.period),
            delay=integer("Delay of the reward", self.delay),
        )
        check(self)
        if self.delay and not self.period:
            raise ValueError(f"Delay of the reward must be 0 without a period, not {self.delay}")


@dataclass(frozen=True)
class Network:
    """Populations, projections, and a reward if anything learns.

    Parameters
    ----------
    ticks
        Length of a trial.
    populations, projections
        In any order.
    reward
        None for a network whose rules do not perturb, or that only runs.
    readout
        Population whose signals are recorded; by default that of the reward, or the last one.
    """

    ticks: Count
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    reward: Reward | None = None
    readout: str | None = None

    def __post_init__(self) -> None:
        if not self.populations:
            raise ValueError("Population of a network must be one or more tables, not none")
        _name("Readout", self.readout)
        _keep(self, ticks=integer("Ticks", self.ticks))
        check(self)
        for p in self.populations if self.reward is not None else ():
            if p.name in RESERVED:
                raise ValueError(f"Name must be none of {', '.join(RESERVED)}, not {p.name!r}")


def _model(kind: str, registry: dict[str, Any], data: Any, where: str) -> Any:
    check_keys(where, data, data, ("model",))
    rest = {key: value for key, value in data.items() if key != "model"}
    if kind == "Rule" and "noise" in rest:
        rest["noise"] = _model("Noise", catalog.NOISES, rest["noise"], f"noise of {where}")
    try:
        module: Any = catalog.find(kind, registry, data["model"])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return module.Params.read(rest, where)


def _field(data: dict[str, Any], cls: Any, where: str, **given: Any) -> Any:
    """Build a plain description from a table, its formats parsed."""
    values = {
        key: read_format(f"{key} of {where}", value)
        if key in ("weight", "reward", "target")
        else value
        for key, value in data.items()
    }
    try:
        return cls(**{**values, **given})
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{where}: {error}") from None


def _names(cls: Any) -> list[str]:
    return [f.name for f in fields(cls)]


def read_network(data: dict[str, Any]) -> Network:
    """Build a network from tables, as a TOML file gives them.

    Raises
    ------
    ValueError, TypeError
        In one line that names the place, the key, the value and the nearest right one.
    """
    check_keys(
        "network",
        data,
        ("ticks", "population", "projection", "reward", "readout"),
        ("ticks", "population"),
    )
    neurons = {"source": None, **catalog.NEURONS}
    populations = []
    for key in ("population", "projection"):
        if not isinstance(data.get(key, []), list):
            raise TypeError(f"{key} of network must be a list of tables, not {data[key]!r}")
    for table in data["population"]:
        name = table.get("name") if isinstance(table, dict) else None
        where = f"population {name!r}"
        check_keys(where, table, table, ("name", "size", "model"))
        rest = {key: value for key, value in table.items() if key not in ("name", "size")}
        if table["model"] == "source":
            rest.pop("model")
            model = Source.read(rest, where)
        else:
            model = _model("Model", neurons, rest, where)
        populations.append(
            _field({}, Population, where, name=name, size=table["size"], model=model)
        )
    projections = []
    for table in data.get("projection", ()):
        where = "projection"
        check_keys(where, table, _names(Projection), ("pre", "post", "weight"))
        where = f"projection {table['pre']}_to_{table['post']}"
        rule = table.get("rule")
        if rule is not None:
            rule = _model("Rule", catalog.RULES, rule, f"rule of {where}")
        synapse = table.get("synapse")
        if synapse is not None:
            synapse = _model("Synapse", catalog.SYNAPSES, synapse, f"synapse of {where}")
        projections.append(_field(table, Projection, where, rule=rule, synapse=synapse))
    reward = None
    if "reward" in data:
        table = data["reward"]
        required = ("readout", "objective", "baseline", "reward", "target")
        check_keys("reward", table, _names(Reward), required)
        baseline = _model("Baseline", catalog.BASELINES, table["baseline"], "baseline of reward")
        reward = _field(table, Reward, "reward", baseline=baseline)
    given = tuple(populations), tuple(projections)
    return Network(data["ticks"], *given, reward, data.get("readout"))


def _named(registry: dict[str, Any], params: Any) -> dict[str, Any]:
    data = {"model": catalog.name_of(registry, params), **params.write()}
    if registry is catalog.RULES and "noise" in data:
        data["noise"] = _named(catalog.NOISES, params.noise)
    return data


def _plain(description: Any, **given: Any) -> dict[str, Any]:
    data = {}
    for f in fields(description):
        value = given.get(f.name, getattr(description, f.name))
        if value is not None and value != f.default:
            data[f.name] = str(value) if isinstance(value, Format) else value
    return data


def write_network(network: Network) -> dict[str, Any]:
    """Return the tables that :func:`read_network` reads."""
    data: dict[str, Any] = {"ticks": network.ticks, "population": [], "projection": []}
    for p in network.populations:
        if isinstance(p.model, Source):
            model = {"model": "source", **p.model.write()}
        else:
            model = _named(catalog.NEURONS, p.model)
        data["population"].append({"name": p.name, "size": p.size, **model})
    for q in network.projections:
        rule = None if q.rule is None else _named(catalog.RULES, q.rule)
        synapse = None if q.synapse is None else _named(catalog.SYNAPSES, q.synapse)
        data["projection"].append(_plain(q, rule=rule, synapse=synapse))
    if network.readout is not None:
        data["readout"] = network.readout
    if network.reward is not None:
        baseline = _named(catalog.BASELINES, network.reward.baseline)
        data["reward"] = _plain(network.reward, baseline=baseline)
    return data
