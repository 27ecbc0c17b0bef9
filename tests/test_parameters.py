"""Reading and writing of parameters, and what is said about bad ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import pytest

from goldenspike.golden.fixed import Format, Overflow, Rounding
from goldenspike.golden.modulators import paired, running_mean
from goldenspike.golden.neurons import leaky_readout, lif
from goldenspike.golden.parameters import (
    Parameters,
    check_keys,
    choice,
    nearest_word,
    positive,
    unit,
)
from goldenspike.golden.randomness import Distribution
from goldenspike.golden.rules import (
    multiplexed_perturbation,
    node_perturbation,
    weight_perturbation,
)

F = Format.parse


class Colour(IntEnum):
    RED = 0
    DARK_BLUE = 1


@dataclass(frozen=True)
class Sample(Parameters):
    fmt: Format
    real: float
    whole: int = 3
    word: str = "x"
    flag: bool = False
    colour: Colour = Colour.RED
    other: Format | None = None

    def __post_init__(self) -> None:
        unit("Real", self.real)


GOOD: dict[str, Any] = {"fmt": "fxp-s8/4", "real": 0.5}


@pytest.mark.parametrize(
    ("data", "params"),
    [
        (GOOD, Sample(F("fxp-s8/4"), 0.5)),
        (GOOD | {"whole": 4, "flag": True}, Sample(F("fxp-s8/4"), 0.5, 4, flag=True)),
        (
            GOOD | {"word": "y", "colour": "dark_blue", "other": "fxp-u1/0"},
            Sample(F("fxp-s8/4"), 0.5, 3, "y", colour=Colour.DARK_BLUE, other=F("fxp-u1/0")),
        ),
    ],
)
def test_what_is_read_is_written_again(data: dict[str, Any], params: Sample) -> None:
    assert Sample.read(data, "here") == params
    assert params.write() == data


def test_an_integer_may_stand_for_a_real_number() -> None:
    real = Sample.read(GOOD | {"real": 1}, "here").real
    assert (real, type(real)) == (1.0, float)


FIELDS = "Key of here must be one of fmt, real, whole, word, flag, colour, other, not "
COLOURS = "colour of here must be one of 'red', 'dark_blue', not "
BAD = [
    ({"reall": 0.5}, f"{FIELDS}'reall' (did you mean 'real'?)"),
    ({"qqq": 0.5}, f"{FIELDS}'qqq'"),
    ({"fmt": "s8"}, "Format must be spelt like 'fxp-s16/12', not 's8'"),
    ({"colour": "dark-blue"}, f"{COLOURS}'dark-blue' (did you mean 'dark_blue'?)"),
    ({"colour": 1}, f"{COLOURS}1"),
    ({"real": 1.5}, "here: Real must be 0 to 1, not 1.5"),
    ({"real": float("nan")}, "here: Real must be 0 to 1, not nan"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_values_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        Sample.read(GOOD | change, "here")
    assert str(caught.value).endswith(message)


BAD_TYPES = [
    ({"fmt": 8}, "fmt of here must be a format such as 'fxp-s16/12', not 8"),
    ({"other": 8}, "other of here must be a format such as 'fxp-s16/12', not 8"),
    ({"real": "a"}, "real of here must be of type float, not 'a'"),
    ({"real": True}, "real of here must be of type float, not True"),
    ({"whole": 1.0}, "whole of here must be of type int, not 1.0"),
    ({"whole": True}, "whole of here must be of type int, not True"),
    ({"word": 1}, "word of here must be of type str, not 1"),
    ({"flag": 1}, "flag of here must be of type bool, not 1"),
]


@pytest.mark.parametrize(("change", "message"), BAD_TYPES)
def test_wrong_types_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        Sample.read(GOOD | change, "here")


def test_missing_keys_are_named() -> None:
    message = "here must have the key 'real', which is missing"
    with pytest.raises(ValueError, match=message):
        Sample.read({"fmt": "fxp-s8/4"}, "here")


@pytest.mark.parametrize("data", [5, ["fmt"], None])
def test_what_is_no_table_is_refused(data: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(f"here must be a table, not {data!r}")):
        check_keys("here", data, ("fmt",))


def test_hints_are_given_only_if_close() -> None:
    assert nearest_word("spikes", ("spike", "rate")) == " (did you mean 'spike'?)"
    assert nearest_word("zzz", ("spike", "rate")) == ""
    assert nearest_word("zzz", ()) == ""


@pytest.mark.parametrize("value", ["b", "c", 5, None, ["a"]])
def test_choices(value: Any) -> None:
    choice("Letter", "a", ("a", "z"))
    with pytest.raises(ValueError, match=r"Letter must be one of 'a', 'z', not ") as caught:
        choice("Letter", value, ("a", "z"))
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [-0.001, 1.001, float("nan"), float("inf")])
def test_shares(value: float) -> None:
    unit("Share", 0.0)
    unit("Share", 1)
    with pytest.raises(ValueError, match=f"Share must be 0 to 1, not {value!r}"):
        unit("Share", value)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_positive_numbers(value: float) -> None:
    positive("Size", 1e-300)
    with pytest.raises(ValueError, match=f"Size must be above 0, not {value!r}"):
        positive("Size", value)


M, U = "fxp-s16/10", "fxp-s18/20"
NEURON = {"membrane": M, "decay": 0.9, "threshold": 1.0}
RULE = {"eta": 0.1, "sigma": 0.1, "factor": U}
MODELS = [
    (lif, NEURON, lif.Params(F(M), 0.9, 1.0)),
    (
        lif,
        NEURON | {"reset": "to_value", "reset_value": -0.5, "compare": ">", "rounding": "floor"},
        lif.Params(F(M), 0.9, 1.0, "one", "to_value", -0.5, ">", rounding=Rounding.FLOOR),
    ),
    (
        leaky_readout,
        {"output": M, "drive": "complement", "decay": 0.5, "overflow": "wrap"},
        leaky_readout.Params(F(M), 0.5, "complement", overflow=Overflow.WRAP),
    ),
    (weight_perturbation, RULE, weight_perturbation.Params(eta=0.1, sigma=0.1, factor=F(U))),
    (
        node_perturbation,
        RULE | {"distribution": "gaussian", "rounding": "stochastic", "eligibility": M},
        node_perturbation.Params(
            eta=0.1,
            sigma=0.1,
            factor=F(U),
            distribution=Distribution.GAUSSIAN,
            rounding=Rounding.STOCHASTIC,
            eligibility=F(M),
        ),
    ),
    (paired, {}, paired.Params()),
    (running_mean, {"rate": 0.5}, running_mean.Params(0.5)),
]


@pytest.mark.parametrize(("module", "data", "params"), MODELS)
def test_models_read_and_write_their_parameters(module: Any, data: Any, params: Any) -> None:
    assert module.Params.read(data, "here") == params
    assert params.write() == data


def cannot(noun: str, fmt: str, value: float, nearest: float) -> str:
    """Return what is said about a constant that a format cannot represent."""
    return f"{noun} must be representable in {fmt}, not {value!r} (nearest {nearest!r})"


DRIVES = "Drive must be one of 'one', 'complement', not "
NO_WORD = (
    "Rounding of a neuron must be one of 'floor', 'half_up', 'half_even', 'toward_zero', "
    "not 'stochastic'"
)
READOUT = {"output": M, "decay": 0.5}
TINY = 2.0**-16
BAD_MODELS = [
    (lif, NEURON | {"decay": 1.5}, "Decay must be 0 to 1, not 1.5"),
    (lif, NEURON | {"threshold": 0}, "Threshold must be above 0, not 0.0"),
    (lif, NEURON | {"threshold": 99.0}, cannot("Threshold", M, 99.0, 32 - 2.0**-10)),
    (lif, NEURON | {"reset_value": 0.0001}, cannot("Reset value", M, 0.0001, 0.0)),
    (lif, NEURON | {"decay": 0.00001}, cannot("Decay", "fxp-u17/16", 0.00001, TINY)),
    (
        lif,
        NEURON | {"decay": 1 - TINY / 2, "drive": "complement"},
        cannot("Drive", "fxp-u17/16", TINY / 2, 0.0),
    ),
    (lif, NEURON | {"drive": "on"}, f"{DRIVES}'on' (did you mean 'one'?)"),
    (lif, NEURON | {"reset": "zero"}, "Reset must be one of 'subtract', 'to_value', not 'zero'"),
    (
        lif,
        NEURON | {"compare": "="},
        "Compare must be one of '>=', '>', not '=' (did you mean '>='?)",
    ),
    (
        lif,
        NEURON | {"rounding": "stochastic"},
        NO_WORD,
    ),
    (leaky_readout, READOUT | {"decay": -1.0}, "Decay must be 0 to 1, not -1.0"),
    (leaky_readout, READOUT | {"drive": ""}, f"{DRIVES}''"),
    (leaky_readout, READOUT | {"bias": 40.0}, cannot("Bias", M, 40.0, 32 - 2.0**-10)),
    (
        leaky_readout,
        READOUT | {"rounding": "stochastic"},
        NO_WORD,
    ),
    (weight_perturbation, RULE | {"eta": 0.0}, "Eta must be above 0, not 0.0"),
    (node_perturbation, RULE | {"sigma": -1.0}, "Sigma must be above 0, not -1.0"),
    (running_mean, {"rate": 0.0}, "Rate must be above 0, to 1, not 0.0"),
    (running_mean, {"rate": 2.0}, "Rate must be above 0, to 1, not 2.0"),
    (running_mean, {"rate": 0.001}, cannot("Rate", "fxp-u9/8", 0.001, 0.0)),
]


@pytest.mark.parametrize(("module", "data", "message"), BAD_MODELS)
def test_bad_parameters_of_models_are_named(module: Any, data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"^here: ") as caught:
        module.Params.read(data, "here")
    assert str(caught.value) == f"here: {message}"


def test_integers_and_numbers_of_numpy_are_plain_ones() -> None:
    params = multiplexed_perturbation.Params(
        eta=np.float32(0.5),
        sigma=np.int64(1),
        factor=F(U),
        interval=np.int64(4),
        accumulator=F(U),
        rounding=np.int64(2),
    )
    assert type(params.eta) is type(params.sigma) is float
    assert (type(params.interval), params.rounding) == (int, Rounding.HALF_EVEN)
    neuron = lif.Params(F(M), 0.9, 1.0, refractory=np.int64(3))
    assert type(neuron.refractory) is int
    assert running_mean.Params(0.5, np.uint8(3)) == running_mean.Params(0.5, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eta": "fast"}, "Eta must be a number, not 'fast'"),
        ({"eta": True}, "Eta must be a number, not True"),
        ({"interval": 4.0}, "Interval must be an integer, not 4.0"),
        ({"interval": np.True_}, "Interval must be an integer, not np.True_"),
        ({"factor": U}, f"Factor must be of type Format, not {U!r}"),
        ({"rounding": "half_even"}, "Rounding must be of type Rounding, not 'half_even'"),
        ({"rounding": 9}, "Rounding must be of type Rounding, not 9"),
    ],
)
def test_parameters_of_another_kind_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        weight_perturbation.Params(**{"eta": 0.1, "sigma": 0.1, "factor": F(U)} | change)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 10**400])
def test_parameters_that_are_not_finite_are_named(bad: float) -> None:
    with pytest.raises(ValueError, match=r"^Bias must be "):
        leaky_readout.Params(F(M), 0.5, bias=bad)
