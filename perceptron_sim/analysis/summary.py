"""summary.json: what a command found, in a form other programs read."""

import json
from pathlib import Path
from typing import Any

from perceptron_sim.atomic import write_atomically


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary to ``path``, atomically."""
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    write_atomically(path, text.encode())
