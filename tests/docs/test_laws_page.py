"""The page of the laws holds the table that the laws give."""

from pathlib import Path

from perceptron_sim.testing.laws import table

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_page_shows_the_laws_as_they_are() -> None:
    assert f"python -m perceptron_sim.testing.laws -->\n{table()}\n" in PAGE.read_text()
