"""All laws by name; a law is added by a line here."""

from collections.abc import Mapping
from types import MappingProxyType

from perceptron_sim.testing.exact import EXACT
from perceptron_sim.testing.law import Law
from perceptron_sim.testing.statistical import DISTRIBUTION, SCALING

LAWS: Mapping[str, Law] = MappingProxyType(
    {law.name: law for law in (*EXACT, *DISTRIBUTION, *SCALING)}
)


def table() -> str:
    """Return all laws as a table in Markdown, as docs/testing.md shows it."""
    heads = ("law", "kind", "what holds", "needs", "tolerance or false alarm", "mistake", "source")
    rows = [heads, ("---",) * len(heads)]
    for law in LAWS.values():
        needs = "; ".join(" or ".join(group) for group in law.needs) or "-"
        cells = (law.name, law.kind, law.statement, needs, law.bound, law.fault, law.source)
        rows.append(tuple(str(cell).replace("|", "\\|") for cell in cells))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(table())
