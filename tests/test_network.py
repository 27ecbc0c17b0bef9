"""Descriptions of networks: read, written, and refused with one clear line."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from goldenspike.golden import catalog
from goldenspike.golden.fixed import BIT, Format, Overflow, Rounding
from goldenspike.golden.modulators import paired, running_mean, two_sided
from goldenspike.golden.network import (
    Network,
    Population,
    Projection,
    Reward,
    Source,
    read_network,
    write_network,
)
from goldenspike.golden.neurons import conductance_lif, leaky_readout, lif, rate
from goldenspike.golden.noise import empiric, filtered, sparse
from goldenspike.golden.plan import plan
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import (
    conductance_perturbation,
    delayed_conductance_perturbation,
    finite_difference,
    hybrid_perturbation,
    multiplexed_perturbation,
    node_perturbation,
    online_conductance_perturbation,
    weight_perturbation,
    weight_perturbation_0,
)
from goldenspike.golden.synapses import dynamic, exponential

F = Format.parse
FORMATS = st.builds(Format, st.booleans(), st.integers(1, 62), st.integers(-8, 60))
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True)
ABOVE_ZERO = st.floats(1e-9, 1e9)
ROUNDINGS = st.sampled_from([r for r in Rounding if r is not Rounding.STOCHASTIC])
SIXTEENTHS = st.integers(0, 16).map(lambda k: k / 16)
MEMBRANE = st.builds(Format, st.booleans(), st.integers(12, 40), st.integers(4, 10))
NEURONS = st.one_of(
    st.builds(
        lif.Params,
        membrane=MEMBRANE,
        decay=SIXTEENTHS,
        threshold=st.integers(1, 16).map(lambda k: k / 16),
        drive=st.sampled_from(["one", "complement"]),
        reset=st.sampled_from(["subtract", "to_value"]),
        reset_value=st.integers(0, 8).map(lambda k: k / 16),
        compare=st.sampled_from([">=", ">"]),
        factor=st.sampled_from([F("fxp-u17/16"), F("fxp-u8/4")]),
        rounding=ROUNDINGS,
        overflow=st.sampled_from(Overflow),
    ),
    st.builds(
        leaky_readout.Params,
        output=MEMBRANE,
        decay=SIXTEENTHS,
        drive=st.sampled_from(["one", "complement"]),
        bias=SIXTEENTHS,
        rounding=ROUNDINGS,
        overflow=st.sampled_from(Overflow),
    ),
    st.builds(
        conductance_lif.Params,
        membrane=MEMBRANE.map(lambda fmt: fmt._replace(signed=True)),
        leak=SIXTEENTHS.filter(lambda x: x < 1),
        rest=SIXTEENTHS,
        excitatory_reversal=st.just(1.0),
        inhibitory_reversal=SIXTEENTHS,
        threshold=st.just(0.5),
        reset=st.sampled_from([0.0, 0.25]),
        conductance=st.just(F("fxp-u4/9")) | st.just(F("fxp-u3/10")),
        rounding=ROUNDINGS,
        overflow=st.sampled_from(Overflow),
    ),
    st.builds(
        rate.Params,
        output=st.builds(Format, st.booleans(), st.integers(4, 12), st.integers(2, 8)),
        function=st.sampled_from(["tanh", "sigmoid"]),
        tau=st.integers(1, 9).map(float),
        rounding=ROUNDINGS,
        overflow=st.sampled_from(Overflow),
    ),
)
SYNAPSES = st.one_of(
    st.builds(exponential.Params, decay=SIXTEENTHS, trace=FORMATS),
    st.builds(
        dynamic.Params,
        utilization=st.integers(1, 16).map(lambda k: k / 16),
        facilitation_decay=SIXTEENTHS,
        depression_decay=SIXTEENTHS,
        trace=st.integers(4, 16).map(lambda k: Format(False, k, k)),
    ),
)
TRACES = st.builds(Format, st.just(value=False), st.integers(12, 30), st.integers(6, 8))
BELOW_ONE = st.sampled_from([0.0, 0.5, 0.75, 0.875])  # Means are then representable.
CHANCES = st.integers(1, 15).map(lambda k: k / 16)
NOISES = st.one_of(
    st.builds(sparse.Params, CHANCES),
    st.builds(filtered.Params, BELOW_ONE, FORMATS.map(lambda fmt: fmt._replace(signed=True))),
    st.builds(empiric.Params, CHANCES, BELOW_ONE, TRACES),
)
SHARED: dict[str, Any] = {
    "eta": ABOVE_ZERO,
    "factor": FORMATS,
    "rounding": st.sampled_from(Rounding),
    "overflow": st.sampled_from(Overflow),
}
SUMS = st.just({}) | st.fixed_dictionaries(
    {"interval": st.sampled_from([2, 64, 65536]), "accumulator": FORMATS}
)
RULE: dict[str, Any] = {
    **SHARED,
    "sigma": ABOVE_ZERO,
    "distribution": st.sampled_from(Distribution),
}
CODED = RULE | {"distribution": st.just(Distribution.RADEMACHER)}
OPTIONAL = {"eligibility": st.none() | FORMATS}
EMPIRIC = {**SHARED, "weight": ABOVE_ZERO, "probability": CHANCES, "decay": BELOW_ONE}
EMPIRIC |= {"trace": TRACES}
FADING = EMPIRIC | {"eligibility": FORMATS, "eligibility_decay": BELOW_ONE}
LEARNING: list[tuple[Any, dict[str, Any]]] = [
    (weight_perturbation, RULE),
    (weight_perturbation_0, RULE),
    (finite_difference, CODED),
    (multiplexed_perturbation, RULE | {"codes": st.just("random")}),
    (multiplexed_perturbation, CODED | {"codes": st.sampled_from(["walsh", "one_hot"])}),
    (node_perturbation, RULE | OPTIONAL | {"noise": st.none() | NOISES}),
    (hybrid_perturbation, RULE | OPTIONAL),
    (conductance_perturbation, EMPIRIC | OPTIONAL),
    (online_conductance_perturbation, FADING),
    (delayed_conductance_perturbation, FADING),
]
RULES = st.one_of(
    st.builds(
        lambda given, more, kind=module.Params: kind(**given, **more),
        st.fixed_dictionaries(fields),
        SUMS,
    )
    for module, fields in LEARNING
)
BASELINES = st.one_of(
    st.builds(paired.Params),
    st.builds(two_sided.Params),
    st.builds(
        running_mean.Params,
        rate=st.integers(1, 256).map(lambda k: k / 256),
        conditions=st.integers(1, 65535),
    ),
)
PERIODS = st.just({}) | st.fixed_dictionaries(
    {"period": st.integers(1, 65535), "delay": st.integers(0, 255)}
)


@st.composite
def described(draw: Any) -> Network:
    """Make networks that are described well, whether or not they can be planned."""
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    sizes = st.integers(1, 65535)
    sources = st.builds(Source, signal=st.just(BIT) | FORMATS)
    populations = tuple(Population(n, draw(sizes), draw(sources | NEURONS)) for n in names)
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(names))
    projections = tuple(
        Projection(
            *pair,
            weight=draw(FORMATS),
            delay=draw(st.integers(0, 255)),
            initial=draw(st.floats(0, 1e6)),
            mean=draw(st.floats(-1e6, 1e6)),
            pattern=draw(st.sampled_from(["full", "blocks"])),
            receptor=draw(st.none() | NAMES),
            synapse=draw(st.none() | SYNAPSES),
            rule=draw(st.none() | RULES),
        )
        for pair in draw(st.lists(pairs, max_size=6, unique=True))
    )
    objectives = st.sampled_from([*catalog.OBJECTIVES, "external"])
    rewards = st.builds(
        lambda *given, more: Reward(*given, **more),
        *(st.sampled_from(names), objectives, BASELINES, FORMATS, FORMATS, ABOVE_ZERO),
        st.booleans(),
        more=PERIODS,
    )
    ticks = draw(st.integers(1, 65535))
    return Network(ticks, populations, projections, draw(st.none() | rewards))


@given(described())
def test_networks_survive_toml(network: Network) -> None:
    text = tomli_w.dumps(write_network(network))
    assert read_network(tomllib.loads(text)) == network


def test_the_small_networks_survive_toml(networks: dict[str, Network]) -> None:
    for network in networks.values():
        again = read_network(tomllib.loads(tomli_w.dumps(write_network(network))))
        assert again == network
        assert plan(again) == plan(network)


EXAMPLE = """
ticks = 16

[[population]]
name = "pixels"
size = 64
model = "source"

[[population]]
name = "classes"
size = 10
model = "lif"
membrane = "fxp-s16/10"
decay = 0.9
threshold = 1

[[projection]]
pre = "pixels"
post = "classes"
weight = "fxp-s16/14"
initial = 0.05
[projection.rule]
model = "node_perturbation"
eta = 0.05
sigma = 0.1
factor = "fxp-s18/22"

[reward]
readout = "classes"
objective = "count_error"
baseline = {model = "paired"}
reward = "fxp-s20/6"
target = "fxp-u8/3"
"""


def test_what_a_file_says_is_what_is_read() -> None:
    rule = node_perturbation.Params(eta=0.05, sigma=0.1, factor=F("fxp-s18/22"))
    assert read_network(tomllib.loads(EXAMPLE)) == Network(
        16,
        (
            Population("pixels", 64, Source()),
            Population("classes", 10, lif.Params(F("fxp-s16/10"), 0.9, 1.0)),
        ),
        (Projection("pixels", "classes", F("fxp-s16/14"), 0, 0.05, rule=rule),),
        Reward("classes", "count_error", paired.Params(), F("fxp-s20/6"), F("fxp-u8/3")),
    )


def test_defaults_are_not_written() -> None:
    data = tomllib.loads(EXAMPLE)
    assert write_network(read_network(data)) == data


Edit = Callable[[dict[str, Any]], Any]


def put(*path: Any, value: Any) -> Edit:
    """Return an edit that sets what is at a path."""

    def edit(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return edit


def drop(*path: Any) -> Edit:
    """Return an edit that removes what is at a path."""

    def edit(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        del data[path[-1]]

    return edit


POPULATION, LIF, SOURCE = ("population", 1), ("population", 1), ("population", 0)
PROJECTION, RULE_AT = ("projection", 0), ("projection", 0, "rule")
MODELS = (
    "Model must be one of 'source', 'lif', 'adaptive_lif', 'adaptive_lif_yin', 'leaky_readout', "
    "'conductance_lif', 'rate', 'error', 'td_error', 'exponential_unit', 'softmax_error', "
    "'softmax_choice', 'gate', 'match', 'learning_signal', not "
)
NEURON_KEYS = (
    "Key of population 'classes' must be one of membrane, decay, threshold, drive, reset, "
    "reset_value, compare, factor, rounding, overflow, refractory, not "
)
PROJECTION_KEYS = (
    "Key of projection must be one of pre, post, weight, delay, initial, mean, pattern, receptor, "
    "synapse, rule, mirror, self_connections, not "
)
REWARD_KEYS = (
    "Key of reward must be one of readout, objective, baseline, reward, target, scale, sign, "
    "period, delay, "
)
RULES_LISTED = (
    "'weight_perturbation', 'weight_perturbation_0', 'node_perturbation', 'hybrid_perturbation', "
    "'finite_difference', 'multiplexed_perturbation', 'conductance_perturbation', "
    "'online_conductance_perturbation', 'delayed_conductance_perturbation', 'stdp', "
    "'neuromodulated_stdp', 'triplet_stdp', 'delta_rule', 'eprop', 'eprop_adaptive', "
    "'eprop_reward', 'actor_critic', 'rflo', 'adaptive_feedback'"
)
RULE_WHERE = "rule of projection pixels_to_classes"
BAD = [
    (
        put("tick", value=3),
        (
            "Key of network must be one of ticks, population, projection, reward, readout, "
            "not 'tick' (did you mean 'ticks'?)"
        ),
    ),
    (drop("ticks"), "network must have the key 'ticks', which is missing"),
    (drop("population"), "network must have the key 'population', which is missing"),
    (put("ticks", value=0), "Ticks must be 1 to 65535, not 0"),
    (put("ticks", value=65536), "Ticks must be 1 to 65535, not 65536"),
    (
        put(*LIF, "model", value="liff"),
        "population 'classes': " + MODELS + "'liff' (did you mean 'lif'?)",
    ),
    (put(*LIF, "model", value="izhikevich"), "population 'classes': " + MODELS + "'izhikevich'"),
    (put(*LIF, "model", value=7), "population 'classes': " + MODELS + "7"),
    (put(*LIF, "treshold", value=1.0), NEURON_KEYS + "'treshold' (did you mean 'threshold'?)"),
    (
        drop(*LIF, "threshold"),
        "population 'classes' must have the key 'threshold', which is missing",
    ),
    (drop(*LIF, "size"), "population 'classes' must have the key 'size', which is missing"),
    (drop(*LIF, "model"), "population 'classes' must have the key 'model', which is missing"),
    (drop(*LIF, "name"), "population None must have the key 'name', which is missing"),
    (
        put(*LIF, "name", value="Classes"),
        "population 'Classes': Name must be a lower-case identifier, not 'Classes'",
    ),
    (
        put(*LIF, "name", value="a b"),
        "population 'a b': Name must be a lower-case identifier, not 'a b'",
    ),
    (put(*LIF, "size", value=0), "population 'classes': Size of classes must be 1 to 65535, not 0"),
    (put(*LIF, "decay", value=2.0), "population 'classes': Decay must be 0 to 1, not 2.0"),
    (
        put(*LIF, "threshold", value=40.0),
        (
            "population 'classes': Threshold must be representable in "
            "fxp-s16/10, not 40.0 (nearest 31.9990234375)"
        ),
    ),
    (
        put(*SOURCE, "signel", value="fxp-u1/0"),
        "Key of population 'pixels' must be one of signal, not 'signel' (did you mean 'signal'?)",
    ),
    (
        put(*PROJECTION, "wieght", value="fxp-s16/14"),
        PROJECTION_KEYS + "'wieght' (did you mean 'weight'?)",
    ),
    (drop(*PROJECTION, "weight"), "projection must have the key 'weight', which is missing"),
    (
        put(*PROJECTION, "delay", value=256),
        "projection pixels_to_classes: Delay of pixels_to_classes must be 0 to 255, not 256",
    ),
    (
        put(*PROJECTION, "pattern", value="block"),
        (
            "projection pixels_to_classes: Pattern of pixels_to_classes must be one of 'full', "
            "'blocks', 'upper', not 'block' (did you mean 'blocks'?)"
        ),
    ),
    (
        put(*PROJECTION, "synapse", value={"model": "exponential", "decay": 0.5}),
        ("synapse of projection pixels_to_classes must have the key 'trace', which is missing"),
    ),
    (
        put(*PROJECTION, "synapse", value={"model": "alpha"}),
        (
            "synapse of projection pixels_to_classes: Synapse must be one of 'exponential', "
            "'dynamic', not 'alpha'"
        ),
    ),
    (
        put(*PROJECTION, "initial", value=-1.0),
        "projection pixels_to_classes: Initial of pixels_to_classes must be 0 or more, not -1.0",
    ),
    (
        put(*RULE_AT, "model", value="node_perturbtion"),
        RULE_WHERE + f": Rule must be one of {RULES_LISTED}, "
        "not 'node_perturbtion' (did you mean 'node_perturbation'?)",
    ),
    (
        put(*RULE_AT, "noise", value={"model": "spares"}),
        "noise of " + RULE_WHERE + ": Noise must be one of 'sparse', 'filtered', 'empiric', not "
        "'spares' (did you mean 'sparse'?)",
    ),
    (
        put(*RULE_AT, "interval", value=3),
        RULE_WHERE + ": Interval must be a power of two to 65536, not 3",
    ),
    (
        put(*RULE_AT, "interval", value=4),
        RULE_WHERE + ": Accumulator must be given for an interval of 4",
    ),
    (
        put(*RULE_AT, "accumulator", value="fxp-s18/22"),
        RULE_WHERE + ": Accumulator must be left out for an interval of 1",
    ),
    (drop(*RULE_AT, "model"), RULE_WHERE + " must have the key 'model', which is missing"),
    (put(*RULE_AT, "eta", value=0), RULE_WHERE + ": Eta must be above 0, not 0.0"),
    (drop(*RULE_AT, "factor"), RULE_WHERE + " must have the key 'factor', which is missing"),
    (put("reward", "scael", value=1.0), REWARD_KEYS + "not 'scael' (did you mean 'scale'?)"),
    (drop("reward", "target"), "reward must have the key 'target', which is missing"),
    (
        put("reward", "objective", value="count_eror"),
        (
            "reward: Objective must be one of "
            "'squared_error', 'count_error', 'external', not 'count_eror' (did you mean "
            "'count_error'?)"
        ),
    ),
    (
        put("reward", "baseline", "model", value="pared"),
        (
            "baseline of reward: Baseline must be one "
            "of 'paired', 'two_sided', 'running_mean', not 'pared' (did you mean 'paired'?)"
        ),
    ),
    (put("reward", "scale", value=0.0), "reward: Scale must be above 0, not 0.0"),
    (put("reward", "sign", value=1), "reward: Sign must be true or false, not 1"),
    (put("reward", "period", value=-1), "reward: Period must be 0 to 65535, not -1"),
    (
        put("reward", "delay", value=1),
        "reward: Delay of the reward must be 0 without a period, not 1",
    ),
    (
        put("reward", "baseline", value={"model": "running_mean", "conditions": 0}),
        "baseline of reward: Conditions must be 1 to 65535, not 0",
    ),
]


def refused(edit: Edit) -> str:
    """Return what is said about the example once it is edited."""
    data = copy.deepcopy(tomllib.loads(EXAMPLE))
    edit(data)
    with pytest.raises((ValueError, TypeError), match="must") as caught:
        read_network(data)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("edit", "message"), BAD)
def test_bad_descriptions_are_named(edit: Edit, message: str) -> None:
    assert refused(edit) == message


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (put("ticks", value=5.0), "Ticks must be an integer, not 5.0"),
        (put("ticks", value=True), "Ticks must be an integer, not True"),
        (put(*POPULATION, value="lif"), "population None must be a table, not 'lif'"),
        (put(*PROJECTION, value=3), "projection must be a table, not 3"),
        (put(*RULE_AT, value="wp"), f"{RULE_WHERE} must be a table, not 'wp'"),
        (put("reward", value=1), "reward must be a table, not 1"),
        (
            put("reward", "baseline", value="paired"),
            "baseline of reward must be a table, not 'paired'",
        ),
        (
            put(*LIF, "membrane", value=16),
            "membrane of population 'classes' must be a format such as 'fxp-s16/12', not 16",
        ),
        (
            put(*LIF, "decay", value="0.9"),
            "decay of population 'classes' must be of type float, not '0.9'",
        ),
        (
            put(*RULE_AT, "sigma", value=True),
            (f"sigma of {RULE_WHERE} must be of type float, not True"),
        ),
    ],
)
def test_wrong_types_are_named(edit: Edit, message: str) -> None:
    assert refused(edit) == message


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (put(*LIF, "size", value=2.5), ["classes", "integer", "2.5"]),
        (put(*PROJECTION, "weight", value="s16"), ["'fxp-s16/12'", "'s16'"]),
        (put("reward", "target", value=[8]), ["'fxp-s16/12'", "[8]"]),
        (put("reward", "baseline", "rate", value=0.5), ["baseline of reward", "'rate'"]),
    ],
)
def test_other_bad_values_are_named(edit: Edit, words: list[str]) -> None:
    message = refused(edit)
    assert all(word in message for word in words)


@pytest.mark.parametrize("value", [2.5, "3", None, True])
def test_sizes_must_be_integers(value: Any) -> None:
    with pytest.raises(TypeError, match=f"Size of a must be an integer, not {value!r}"):
        Population("a", value, Source())


def test_a_projection_is_named_after_its_ends() -> None:
    assert Projection("a", "b", BIT).name == "a_to_b"


@pytest.mark.parametrize("initial", [-0.5, float("inf"), float("nan")])
def test_an_initial_spread_must_be_finite(initial: float) -> None:
    with pytest.raises(
        ValueError, match=rf"Initial of a_to_b must be (0 or more|finite), not {initial!r}"
    ):
        Projection("a", "b", BIT, initial=initial)


def test_every_model_of_the_catalog_is_found_and_summed_up() -> None:
    for kind in ("NEURONS", "SYNAPSES", "RULES", "NOISES", "OBJECTIVES", "BASELINES"):
        registry = getattr(catalog, kind)
        for name, module in registry.items():
            assert catalog.find(kind, registry, name) is module
            assert catalog.summary(module).endswith(".")
    with pytest.raises(ValueError, match=r"did you mean 'squared_error'"):
        catalog.find("Objective", catalog.OBJECTIVES, "squared_eror")
