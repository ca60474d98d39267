"""One HTML page that holds everything it shows: no scripts, no fonts, no pictures from elsewhere.

It reads on a phone, in print, and in light or dark as the reader's system asks. All that comes in
is text to be shown, never markup: a name such as ``<b>`` appears as these three characters. The
page also forbids itself to load or run anything, so even a figure made elsewhere cannot.

The same report gives the same bytes, and a page is replaced at once or not at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from genphys.report.canvas import to_svg
from genphys.report.formula import formula_svg
from genphys.report.style import CSS

__all__ = ["Report", "Row", "write_report"]

Row = tuple[str, str, str]

_VERDICT = re.compile(r"(yes|no|open)\b(\s*\([^()]*\))?[\s:,;.]*(.*)", re.DOTALL)


@dataclass(frozen=True)
class Report:
    """What a page shows; a part that is empty is left out.

    Attributes:
        title: The heading, and the name of the browser's tab.
        subtitle: One line below it.
        derivation: Rows (label, text, latex); the formula is shown above its text where ``latex``
            can be read, else the text alone.
        verdict: The same; a text that begins with "yes", "no" or "open" gets a badge.
        numbers: Rows (name, value, note) of a table.
        settings: Flat keys and values of a configuration, folded away.
        figures: Pairs (caption, figure).
        commands: Pairs (what it does, command line).
    """

    title: str
    subtitle: str = ""
    derivation: Sequence[Row] = ()
    verdict: Sequence[Row] = ()
    numbers: Sequence[Row] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    figures: Sequence[tuple[str, Figure]] = ()
    commands: Sequence[tuple[str, str]] = ()


def write_report(path: str | Path, report: Report) -> None:
    """Writes the page; an older one stays whole until the new one is.

    Args:
        path: Ends in .html; the folder must exist.
        report: What to show.
    """
    path = Path(path)
    # A file name may hold bytes that are no text: they become question marks.
    page = _page(report).encode("utf-8", "replace")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(page)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _page(report: Report) -> str:
    title = escape(report.title)
    subtitle = f'<p class="subtitle">{escape(report.subtitle)}</p>' if report.subtitle else ""
    body = "\n".join(
        [
            _section("Derivation", _rows(_derived(row) for row in report.derivation)),
            _section("Verdict", _rows(_judged(row) for row in report.verdict)),
            _section("Figures", _figures(report.figures)),
            _section("Numbers", _table(("name", "value", "note"), report.numbers)),
            _section("Commands", _rows(_command(pair) for pair in report.commands)),
            _section("Settings", _settings(report.settings)),
        ]
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
{CSS}</style>
</head>
<body>
<main>
<header>
<h1>{title}</h1>
{subtitle}
</header>
{body}
</main>
</body>
</html>
"""


def _section(heading: str, content: str) -> str:
    if not content:
        return ""
    name = heading.lower()
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{heading}</h2>\n{content}\n</section>'
    )


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    """A list of terms and what they are, both HTML."""
    found = [f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in rows]
    return "<dl>\n" + "\n".join(found) + "\n</dl>" if found else ""


def _derived(row: Row) -> tuple[str, str]:
    label, text, latex = (escape(part) for part in row)
    formula = formula_svg(row[2])
    if not formula:
        return label, f'<code class="text">{text or latex}</code>'
    shown = f'<div class="formula" role="img" aria-label="{text or latex}">{formula}</div>'
    return label, shown + (f'<code class="text" aria-hidden="true">{text}</code>' if text else "")


def _judged(row: Row) -> tuple[str, str]:
    label, text = escape(row[0]), row[1]
    match = _VERDICT.match(text)
    if match is None:
        return label, escape(text)
    answer, how, reason = match[1], match[2] or "", match[3]
    badge = f'<strong class="badge {answer}">{answer}{escape(how)}</strong>'
    return label, f"{badge} {escape(reason)}".strip()


def _command(pair: tuple[str, str]) -> tuple[str, str]:
    return escape(pair[0]), f"<pre><code>{escape(pair[1])}</code></pre>"


def _figures(figures: Sequence[tuple[str, Figure]]) -> str:
    parts = []
    for number, (caption, figure) in enumerate(figures, start=1):
        svg = to_svg(figure, label=caption, prefix=f"figure{number}")
        text = f"<b>Figure {number}.</b> {escape(caption)}"
        parts.append(
            f'<figure>\n<div class="wide">{svg}</div>\n<figcaption>{text}</figcaption>\n</figure>'
        )
    return "\n".join(parts)


def _settings(settings: Mapping[str, object]) -> str:
    if not settings:
        return ""
    table = _table(("key", "value"), [(key, str(value)) for key, value in settings.items()])
    return f"<details>\n<summary>{len(settings)} settings</summary>\n{table}\n</details>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = []
    for name, *rest in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )
