"""The examples in docstrings of the public objects do what they show."""

import doctest
import inspect

import pytest

import perceptron_sim

# Public objects without an example of their own: whose example makes one, or why there is none.
MADE_BY = {
    "Analysis": "analyse",
    "ExponentRow": "analyse",
    "Exponents": "exponents",
    "KernelRunResult": "simulate_kernel",
    "MaxMargin": "max_margin_norm",
    "OnlineResult": "simulate_online",
    "ParquetStore": "open_store",
    "PowerLawFit": "fit_power_law",
    "Prediction": "predict",
    "RunResult": "simulate",
    "ScanReport": "scan",
    "__version__": "a string",
}


def examples(name: str) -> list[doctest.DocTest]:
    """Return the examples in the docstring of a public object."""
    text = inspect.getdoc(getattr(perceptron_sim, name)) or ""
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    return [test] if test.examples else []


@pytest.mark.parametrize("name", sorted(set(perceptron_sim.__all__) - set(MADE_BY)))
def test_examples_do_what_they_show(name: str) -> None:
    (test,) = examples(name)
    said: list[str] = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)


def test_every_public_object_has_an_example_or_a_reason() -> None:
    assert set(MADE_BY) <= set(perceptron_sim.__all__)
    for name, maker in MADE_BY.items():
        assert not examples(name) if name != "__version__" else True, name
        assert name == "__version__" or examples(maker), name


def test_a_wrong_example_is_seen() -> None:
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner().run(test, out=lambda text: None).failed == 1
