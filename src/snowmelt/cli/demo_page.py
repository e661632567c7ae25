"""The demo's report as a file: one HTML page with the terminal's tables and the pictures in it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from io import StringIO
from pathlib import Path

from rich.console import Console, RenderableType

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Snowmelt demo: insurance charges</title>
<style>
body {{ font-family: system-ui, sans-serif; color: #1f2933; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
figure {{ margin: 1.5rem 0; }} img {{ max-width: 100%; }}
pre {{ font-size: 0.8rem; line-height: 1.35; overflow-x: auto; }}
</style></head>
<body>
<h1>Snowmelt demo: insurance charges</h1>
{pictures}
<pre>{tables}</pre>
</body></html>
"""


def write_page(path: Path, tables: RenderableType, pictures: Sequence[Path]) -> Path:
    """Write the page; the pictures are in it, so that it can be sent as one file."""
    console = Console(width=120, record=True, file=StringIO())
    console.print(tables)
    figures = "\n".join(
        f'<figure><img alt="{escape(picture.stem.replace("_", " "))}" src="data:image/png;base64,'
        f'{base64.b64encode(picture.read_bytes()).decode("ascii")}"></figure>'
        for picture in pictures
    )
    path.write_text(_PAGE.format(pictures=figures, tables=escape(console.export_text())), encoding="utf-8")
    return path
