"""Grid text and grids of configurations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands import scan as scan_command
from nets.config import NetGrid
from perceptron_sim import InputError
from perceptron_sim.scans.grid import PerceptronGrid, grid_text, parse_floats, parse_integers


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0,1,3", (0, 1, 3)),
        ("-0.5", (-0.5,)),
        ("2^-5", (0.03125,)),
        ("1e-3, 2", (1e-3, 2)),
        ("2^-13:2^2:16", tuple(2.0**k for k in range(-13, 3))),
        ("1:100:3", (1, 10, 100)),
        ("1,1,2", (1, 2)),
    ],
)
def test_floats(text: str, values: tuple[float, ...]) -> None:
    assert parse_floats(text, "T") == pytest.approx(values, rel=1e-14)


def test_ranges_between_powers_of_two_are_exact() -> None:
    assert parse_floats("2^-13:2^2:16", "T") == tuple(2.0**k for k in range(-13, 3))


def test_integer_ranges_round_to_distinct_integers() -> None:
    assert parse_integers("1:4:7", "B") == (1, 2, 3, 4)
    assert parse_integers("256:4096:5,100", "P") == (256, 512, 1024, 2048, 4096, 100)
    assert parse_integers("2^10", "P") == (1024,)


@pytest.mark.parametrize(
    "text", ["2^-13:2^2:16", "0.01:1:4", "1,2,4", "-0.5,0,3", "2^-20,2^40", "0.1,0.3,0.9,0.27"]
)
def test_values_are_written_as_they_were_asked_for(text: str) -> None:
    assert parse_floats(grid_text(parse_floats(text, "T")), "T") == parse_floats(text, "T")
    assert len(grid_text(parse_floats(text, "T"))) <= len(text)
    for whole in ("256:4096:5", "1:7:7", "1,2,3,5"):
        assert parse_integers(grid_text(parse_integers(whole, "P")), "P") == parse_integers(
            whole, "P"
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty entry"),
        ("1,,2", "empty entry"),
        ("x", "'x' is not a number"),
        ("2^", "is not a number"),
        ("(-1)^0.5", "is not a number"),
        ("-1^0.5", "is not a number"),
        ("9^999999", "is not a number"),
        ("0^-1", "is not a number"),
        ("1:2", "is not a range first:last:points"),
        ("10:1:3", "empty or reversed: write 1:10:..., smaller end first"),
        ("5:5:3", "empty or reversed"),
        ("0:1:3", "must be positive and finite"),
        ("1:inf:3", "must be positive and finite"),
        ("1:2:1", "allowed is an integer from 2 to"),
        ("1:2:2.5", "allowed is an integer from 2 to"),
    ],
)
def test_bad_grids_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_floats(text, "--chi")
    assert str(caught.value).startswith("--chi")
    assert message in str(caught.value)


def test_integers_are_not_rounded_in_silence() -> None:
    with pytest.raises(InputError, match=r"'1.5' is not an integer"):
        parse_integers("1.5", "-P")
    with pytest.raises(InputError, match="is not an integer"):
        parse_integers("nan", "-P")


@given(st.text(max_size=12))
def test_any_text_gives_values_or_one_line(text: str) -> None:
    for parse in (parse_floats, parse_integers):
        try:
            values = parse(text, "-T")
        except InputError as error:
            assert "\n" not in str(error).replace(repr(text), "")
        else:
            assert len(values) >= 1


def test_grid_is_the_full_product() -> None:
    grid = PerceptronGrid(chi=(0.0, 1.0), P=(8, 16), T=(1.0, 2.0), d=(2,), seeds=3)
    configs = list(grid)
    assert len(grid) == len(configs) == 24
    assert len({c.key("reference") for c in configs}) == 24


def test_grid_takes_eta_and_alpha() -> None:
    (config,) = PerceptronGrid(B=(4,), eta=(2.0,), alpha=(8.0,))
    assert (config.T, config.kappa) == (0.5, 0.125)


@pytest.mark.parametrize("grid", [PerceptronGrid, NetGrid])
def test_an_axis_may_be_one_value_a_list_an_array_or_text(grid) -> None:
    listed = list(grid(P=(64, 128), T=(0.5, 1.0), seeds=2))
    assert list(grid(P=[64, 128], T=np.array([0.5, 1.0]), seeds=2)) == listed
    assert list(grid(P=np.array([64, 128]), T="2^-1,1", seeds=np.int64(2))) == listed
    assert list(grid(P="64:128:2", T=[0.5, 0.5, 1], seeds=2)) == listed
    (one,) = grid(P=64, T=np.float64(0.5))
    assert one == listed[0]
    assert type(one.P) is int
    assert type(one.T) is float


@pytest.mark.parametrize("grid", [PerceptronGrid, NetGrid])
@pytest.mark.parametrize(
    "values",
    [{"P": 64.5}, {"P": "a"}, {"T": [[1.0]]}, {"T": []}, {"T": ["a"]}, {"seeds": 1.5}, {"T": {}}],
)
def test_what_is_no_axis_is_refused(grid, values) -> None:
    with pytest.raises(InputError):
        list(grid(**values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"T": (1.0,), "eta": (1.0,)}, "both T and eta"),
        ({"kappa": (1.0,), "alpha": (1.0,)}, "both kappa and alpha"),
        ({"seeds": 0}, "seeds = 0"),
        ({"P": ()}, "P has no values"),
        ({"P": range(1, 10**7 + 2)}, "10,000,001 runs: allowed are up to 10,000,000"),
    ],
)
def test_bad_grid_requests(values, message) -> None:
    with pytest.raises(InputError, match=message):
        PerceptronGrid(**values)


def test_without_P_each_chi_goes_as_far_as_its_minute_allows() -> None:
    values = scan_command.DEFAULTS | {"chi": "-0.5,0,1,2.5"}
    grids = [PerceptronGrid(**one) for one in scan_command.by_chi(values)]
    assert [max(grid.P) for grid in grids] == [40960, 40960, 640 * 4**6, 640 * 8**6]
    assert scan_command.by_chi(values | {"P": (64,)}) == [values | {"P": (64,)}]
