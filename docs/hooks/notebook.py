"""Run a notebook kept as text (py:percent) and write it as Markdown with its output and figures."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any


def rendered(path: Path) -> tuple[str, dict[str, bytes]]:
    """Run the cells of a notebook in one namespace.

    Returns:
        The page in Markdown, and the figures that it shows, PNG by file name.
    """
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    namespace: dict[str, Any] = {"__name__": "__main__"}
    parts: list[str] = []
    figures: dict[str, bytes] = {}
    for kind, text in re.findall(
        r"^# %%( \[markdown\])?\n(.*?)(?=^# %%|\Z)", path.read_text(encoding="utf-8"), re.M | re.S
    ):
        if kind:
            parts.append(re.sub(r"^# ?", "", text, flags=re.M).strip())
            continue
        parts.append(f"```python\n{text.strip()}\n```")
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(compile(text, path, "exec"), namespace)
        if output.getvalue():
            parts.append(f"```text\n{output.getvalue().rstrip()}\n```")
        for number in plt.get_fignums():
            name = f"{path.stem}-{len(figures) + 1}.png"
            image = io.BytesIO()
            plt.figure(number).savefig(image, dpi=160)
            figures[name] = image.getvalue()
            heading = re.findall(r"^#+ (.*)", "\n".join(parts), re.M)[-1]
            parts.append(f"![Figure: {heading}]({name}){{ width=640 }}")
        plt.close("all")
    return "\n\n".join(parts) + "\n", figures
