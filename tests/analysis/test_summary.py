"""Entries of summary.json: written and read alike; what is damaged is named with its place."""

import json
import math
from dataclasses import dataclass

import pytest

from perceptron_sim import InputError
from perceptron_sim.analysis.summary import Entry, Positive


@dataclass(frozen=True)
class Inner(Entry):
    """A part."""

    value: Positive
    note: str = ""


@dataclass(frozen=True)
class Outer(Entry):
    """A whole."""

    chi: float
    P: int
    agrees: bool | None
    best: Inner | None
    parts: tuple[Inner, ...]
    extra: float | None = None


FULL = Outer(1.0, 64, True, Inner(2.0, "n"), (Inner(0.5), Inner(3.0)), 0.25)
BARE = Outer(-0.5, 8, None, None, ())


@pytest.mark.parametrize("entry", [FULL, BARE])
def test_what_is_written_is_read(entry: Outer) -> None:
    assert Outer.from_json(json.loads(json.dumps(entry.to_json()))) == entry


def test_defaults_are_not_written_and_none_is() -> None:
    assert BARE.to_json() == {"chi": -0.5, "P": 8, "agrees": None, "best": None, "parts": []}
    assert FULL.to_json()["parts"] == [{"value": 0.5}, {"value": 3.0}]


def test_an_earlier_version_lacks_fields_and_another_has_more() -> None:
    assert Outer.from_json({"chi": -0.5, "P": 8.0, "parts": [], "unknown": 1}) == BARE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"P": None}, "P is null and not an integer"),
        ({"P": 1.5}, "P is 1.5 and not an integer"),
        ({"chi": "1"}, 'chi is "1" and not a number'),
        ({"chi": True}, "chi is true and not a number"),
        ({"chi": math.nan}, "chi is NaN and not a number"),
        ({"agrees": 1}, "agrees is 1 and not true or false"),
        ({"best": []}, "best is [] and no object"),
        ({"best": {"value": -1.0}}, "best.value is -1.0 and not a positive number"),
        ({"parts": {}}, "parts is {} and not a list"),
        ({"parts": [{"value": 1}, {}]}, "parts[1] has no value"),
        ({"parts": [{"value": 1, "note": 2}]}, "parts[0].note is 2 and not a text"),
    ],
)
def test_damage_is_named_with_its_place_and_its_remedy(change: dict, said: str) -> None:
    with pytest.raises(InputError) as caught:
        Outer.from_json(FULL.to_json() | change, "x/summary.json: rows[3]")
    message = str(caught.value)
    assert message.startswith("x/summary.json: rows[3]")
    assert said in message
    assert "repeat the command that wrote it" in message
    with pytest.raises(InputError, match=r"rows\[3\] is 7 and no object"):
        Outer.from_json(7, "rows[3]")
