"""The demo's report as a file: one HTML page with the figures, the pictures and the tables in it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from snowmelt.cli.demo_plots import Picture
from snowmelt.cli.demo_report import Report, Section, amount, sections

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Snowmelt demo: insurance charges</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #f6f8fa; margin: 0; }}
main {{ max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem; }}
h1 {{ font-size: 1.5rem; margin-bottom: 0.2rem; }}
h2 {{ font-size: 1.05rem; margin: 0; }}
p {{ color: #5a6773; margin: 0 0 0.6rem; }}
.row {{ display: grid; gap: 1rem; margin: 1rem 0; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); }}
.pictures {{ grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); }}
.tables {{ grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); align-items: start; }}
.tables .whole {{ grid-column: 1 / -1; }}
.card {{ background: #fff; border: 1px solid #dfe5ea; border-radius: 8px; padding: 1rem 1.2rem; margin: 0; }}
.figure b {{ display: block; font-size: 1.7rem; line-height: 1.3; }}
img {{ width: 100%; }}
figcaption {{ color: #5a6773; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th {{ text-align: left; font-weight: 600; border-bottom: 1px solid #c5ced6; }}
th, td {{ padding: 0.2rem 0.8rem 0.2rem 0; vertical-align: top; }}
td.number, th.number {{ text-align: right; white-space: nowrap; }}
</style>
</head>
<body><main>
<h1>Snowmelt demo: insurance charges</h1>
<p>A model trained, registered and served by SQL and Python files that run on a Snowflake account, too.</p>
<div class="row">{figures}</div>
<div class="row pictures">{pictures}</div>
<div class="row tables">{tables}</div>
</main></body></html>
"""


def write_page(path: Path, report: Report, pictures: Sequence[Picture]) -> Path:
    """Write the page; the pictures are in it, so that it can be sent as one file."""
    text = _PAGE.format(
        figures="\n".join(_figure(value, words) for value, words in _headlines(report)),
        pictures="\n".join(map(_picture, pictures)),
        tables="\n".join(map(_table, sections(report))),
    )
    path.write_text(text, encoding="utf-8")
    return path


def _headlines(report: Report) -> list[tuple[str, str]]:
    latencies = [
        (f"{seconds:.2f} s", f"from landing to gold, {amount(n, 'row')}") for n, seconds in report.small.items()
    ]
    return [
        (f"{report.counts['INSURANCE_GOLD']:,}", "rows in gold, each with its prediction"),
        (f"{report.rows_per_second:,.0f}", "rows per second from landing to gold"),
        *latencies,
        (f"{report.serving.mape:.2%}", f"mean error of {report.serving.name}, which serves"),
    ]


def _figure(value: str, words: str) -> str:
    return f'<div class="card figure"><b>{escape(value)}</b>{escape(words)}</div>'


def _picture(picture: Picture) -> str:
    image = base64.b64encode(picture.path.read_bytes()).decode("ascii")
    told = escape(picture.caption)
    return (
        f'<figure class="card"><img alt="{told}" src="data:image/png;base64,{image}">'
        f"<figcaption>{told}</figcaption></figure>"
    )


def _table(section: Section) -> str:
    head = "".join(_cell("th", heading.rstrip(">"), heading) for heading in section.columns)
    body = "".join(
        f"<tr>{''.join(_cell('td', *pair) for pair in zip(row, section.columns, strict=True))}</tr>"
        for row in section.rows
    )
    width = " whole" if len(section.columns) > 4 else ""
    return (
        f'<section class="card{width}"><h2>{escape(section.title)}</h2><p>{escape(section.note)}</p>'
        f"<table><tr>{head}</tr>{body}</table></section>"
    )


def _cell(tag: str, text: str, heading: str) -> str:
    number = ' class="number"' if heading.endswith(">") else ""
    return f"<{tag}{number}>{escape(text)}</{tag}>"
