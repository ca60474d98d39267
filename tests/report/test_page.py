from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genphys.report import Report, line_figure, sample_figure, write_report
from genphys.report.page import _page

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = [
    "</title><script>alert(1)</script>",
    '"\' onload=alert(1) x="',
    "<!-- & --> &amp; &lt;",
    "]]></style></pre></code></svg>",
    "<img src=http://example.org/a.png>",
]


class Tree(HTMLParser):
    """Reads a page strictly: every tag is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


def report(s: str = "text", **other: Any) -> Report:
    x = np.linspace(0, 1, 5)
    parts: dict[str, Any] = {
        "title": s,
        "subtitle": s,
        "derivation": [(s, s, r"\frac{a}{b}"), (s, s, ""), (s, s, s)],
        "verdict": [(s, f"yes (proved): {s}", ""), (s, f"no: {s}", ""), (s, s, "")],
        "numbers": [(s, s, s)],
        "settings": {s: s, "none": None},
        "figures": [(s, line_figure([("a", x, x)], "x (m)", "y (m)"))] * 2,
        "commands": [(s, s)],
    }
    return Report(**(parts | other))


def read(path: Path) -> Tree:
    return Tree(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("s", HOSTILE)
def test_hostile_strings_are_shown_and_nothing_more(tmp_path: Path, s: str) -> None:
    for name, text in (("plain", "text"), ("hostile", s)):
        write_report(tmp_path / name, report(text))
    plain, hostile = read(tmp_path / "plain"), read(tmp_path / "hostile")
    # formulas apart: "text" is one, a hostile string is not
    page = {"path", "svg", "div", "code"}
    assert [t for t, _ in hostile.tags if t not in page] == [
        t for t, _ in plain.tags if t not in page
    ]
    assert "script" not in {t for t, _ in hostile.tags}
    assert not any(k.startswith("on") for _, attrs in hostile.tags for k in attrs)
    assert sum(text == s for text in hostile.texts) >= 12
    assert s in hostile.values("aria-label")


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_any_text_comes_back_as_it_was(s: str) -> None:
    tree = Tree(_page(report(s, derivation=[(s, s, "")], figures=[])))
    found = tree.texts[tree.texts.index("name") :] if s else []
    assert not s or found.count(s) >= 7


def test_nothing_comes_from_elsewhere_and_no_id_is_twice(tmp_path: Path) -> None:
    images, table = sample_figure(np.eye(8)[None]), sample_figure(np.eye(2))
    pictures = [("a", images), ("b", table), ("b", table)]
    write_report(tmp_path / "a.html", report(figures=pictures))
    tree = read(tmp_path / "a.html")
    links = [v for k in ("src", "href", "xlink:href") for v in tree.values(k)]
    assert links
    assert all(v.startswith(("#", "data:image/png")) for v in links)
    assert "@import" not in (page := (tmp_path / "a.html").read_text())
    assert re.findall(r"url\((?!#)", page) == []
    ids = tree.values("id")
    assert len(ids) == len(set(ids))
    assert set(tree.values("aria-labelledby")) <= set(ids)


def test_the_page_is_accessible(tmp_path: Path) -> None:
    write_report(tmp_path / "a.html", report())
    tree = read(tmp_path / "a.html")
    names = [tag for tag, _ in tree.tags]
    assert ("html", {"lang": "en"}) in tree.tags
    assert names.count("h1") == names.count("title") == names.count("main") == 1
    assert names.count("h2") == names.count("section") == 6
    assert all(a.get("scope") in ("row", "col") for t, a in tree.tags if t == "th")
    assert names.count("figure") == names.count("figcaption") == 2
    assert names.count("details") == names.count("summary") == 1
    labels = [a.get("aria-label") for _, a in tree.tags if a.get("role") == "img"]
    assert len(labels) == 4  # two formulas, two figures
    assert all(labels)


@pytest.mark.parametrize(
    ("text", "badge", "shown"),
    [
        ("yes (proved): it is so.", "yes (proved)", " it is so."),
        ("no: at k = 3.", "no", " at k = 3."),
        ("open", "open", None),
        ("yes, in every N", "yes", " in every N"),
    ],
)
def test_a_verdict_has_its_badge(text: str, badge: str, shown: str | None) -> None:
    tree = Tree(_page(Report("t", verdict=[("C1", text, "")])))
    assert f"badge {badge.split()[0]}" in tree.values("class")
    at = tree.texts.index(badge)
    assert shown is None or tree.texts[at + 1] == shown


@pytest.mark.parametrize("text", ["nothing known", "yesterday", "perhaps"])
def test_other_words_have_none(text: str) -> None:
    tree = Tree(_page(Report("t", verdict=[("C1", text, "")])))
    assert not any(v.startswith("badge") for v in tree.values("class"))
    assert text in tree.texts


def test_empty_parts_are_left_out() -> None:
    tree = Tree(_page(Report("only a title")))
    assert not {"section", "dl", "table", "details", "figure"} & {t for t, _ in tree.tags}


def test_equal_reports_give_equal_bytes(tmp_path: Path) -> None:
    same = report()
    for name, value in (("a", same), ("b", same), ("c", report())):
        write_report(tmp_path / name, value)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b == c
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "c"]


def test_an_older_page_stays_whole_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.html"
    path.write_text("old")

    def fails(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="no space"):
        write_report(path, report())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_that_are_no_text_do_not_stop_it(tmp_path: Path) -> None:
    write_report(tmp_path / "a.html", Report("run \udcff"))
    assert "run ?" in read(tmp_path / "a.html").texts
