"""What the site changes in its pages while it is built."""

import re
from pathlib import Path
from typing import Any

import notebook
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

# Numbers with an error or an interval, which may not be broken in a table.
_ERROR = re.compile(r"(?<=[\d)]) (±|\+-) (?=[\d.])")
_INTERVAL = re.compile(r"(?<=[\d.]) ?(\\?\[[−+-]?[\d.]+),? (?:\.\. )?([−+-]?[\d.]+\\?\])")
_TAG = re.compile(r"^\$\$\n(?=[^$]*\\tag\{(M?\d+)\})", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and figures of notebooks, which are run for it."""
    for source in sorted((Path(config.docs_dir) / "tutorials").glob("*.py")):
        text, figures = notebook.rendered(source)
        files.append(File.generated(config, f"tutorials/{source.stem}.md", content=text))
        for name, image in figures.items():
            files.append(File.generated(config, f"tutorials/{name}", content=image))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Give equations their anchors, and keep numbers in one piece."""
    lines = _TAG.sub(r'<span id="eq-\1"></span>\n\n$$\n', markdown).split("\n")
    for i, line in enumerate(lines):
        if line.startswith("|"):
            line = _ERROR.sub("\u00a0\\1\u00a0", line)
            lines[i] = _INTERVAL.sub("\u00a0\\1,\u00a0\\2", line)
    return "\n".join(lines)
