"""The documentation tells the truth: snippets run, commands work, links lead somewhere.

A Python block that begins with ``# NAME.py`` is also a file of that name, for the commands.
Commands run as they stand, but for the numbers in ``TINY``: they make minutes into seconds.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import genphys
from genphys import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))

TINY = {
    "derive": ["figures=false"],
    "train": ["train.steps=2", "train.batch=8", "sample.n=4", "sample.steps=2"],
    "sample": ["n=4", "steps=2"],
    "evaluate": ["n=16", "steps=2", "directions=4"],
}
TOYS = {"gaussians", "moons", "checkerboard", "swiss_roll"}
ASIDE = ("--help", "--version", "--cfg", "resume=")  # what takes no other words, or needs none


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def files() -> dict[str, set[str]]:
    """The files that Python blocks stand for, each with the texts it has on all pages."""
    found: dict[str, set[str]] = {}
    for block in (block for page in PAGES for block in blocks(page, "python")):
        if name := re.match(r"# (\w+\.py)\n", block):
            found.setdefault(name[1], set()).add(block)
    return found


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                if re.match(r"(\w+=\S+ )*genphys ", line):
                    yield page.name, line


def name(page: Path) -> str:
    return page.name


# Python blocks


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "snippets"}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec", dont_inherit=True), namespace)


def test_a_file_is_the_same_on_all_pages() -> None:
    assert {name: len(texts) for name, texts in files().items()} == {"mine.py": 1}


# Commands


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[list[str]], str]:
    """Runs ``genphys`` with words in a folder of its own; gives what it prints."""
    monkeypatch.chdir(tmp_path)
    for variable in ("HYDRA_FULL_ERROR", "GENPHYS_SWEEP", "GENPHYS_RUNS", "GENPHYS_DEBUG"):
        monkeypatch.setenv(variable, "")

    def call(words: list[str]) -> str:
        while "=" in words[0]:
            monkeypatch.setenv(*words.pop(0).split("=", 1))
        monkeypatch.setattr(sys, "argv", words)
        status = cli.main()
        out, err = capsys.readouterr()
        assert status == 0, err
        return out

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that sample, evaluate and resume can work on."""
    folder = tmp_path_factory.mktemp("docs") / "mine"
    words = ["preset=edm", "data=moons", "data.n=64", f"hydra.run.dir={folder}", *TINY["train"]]
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("HYDRA_FULL_ERROR", "GENPHYS_SWEEP"):
            patch.setenv(variable, "")
        patch.setattr(sys, "argv", ["genphys", "train", *words])
        assert cli.main() == 0
    return folder


def _prepare(folder: Path, trained: Path | None) -> None:
    """What a reader has: the page's files, pictures, a table, a run."""
    for file, (text, *_) in {name: [*texts] for name, texts in files().items()}.items():
        (folder / file).write_text(text)
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir()
    for i in range(12):
        pixels = rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{i}.png")
    for table in ("table.csv", "my table.csv"):
        np.savetxt(
            folder / table, rng.normal(size=(40, 3)), delimiter=",", header="a,b,c", comments=""
        )
    if trained:
        shutil.copytree(trained, folder / "runs" / "mine")


def _shortened(words: list[str]) -> list[str]:
    command = words[words.index("genphys") + 1]
    extra = [] if any(word.startswith(ASIDE) for word in words) else TINY.get(command, [])
    toy = any(word.removeprefix("data=") in TOYS for word in words)
    return [*words, *extra, *(["data.n=64"] if toy and command == "train" else [])]


@pytest.mark.parametrize("line", sorted({line for _, line in commands()}))
def test_commands_work(
    line: str, run: Callable[[list[str]], str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    _prepare(tmp_path, request.getfixturevalue("trained") if "runs/mine" in line else None)
    assert run(_shortened(shlex.split(line, comments=True)))


def test_printed_pages_are_what_is_printed(run: Callable[[list[str]], str], tmp_path: Path) -> None:
    text = (ROOT / "docs" / "POTENTIALS.md").read_text(encoding="utf-8")
    shown = re.findall(r"```sh\n(genphys [^\n]*)\n```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(shown) == 1
    _prepare(tmp_path, None)
    for line, page in shown:
        assert run(shlex.split(line)).startswith(page)


# What must be mentioned


def _keys(config: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, f"{prefix}{key}.")
        else:
            yield prefix + key


@pytest.mark.parametrize("command", ["derive", "train", "sample", "evaluate"])
def test_every_key_is_explained(command: str) -> None:
    text = (ROOT / "docs" / "CLI.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    primary = yaml.safe_load((ROOT / "configs" / f"{command}.yaml").read_text())
    groups = {key for item in primary.pop("defaults") if isinstance(item, dict) for key in item}
    for key in {*groups, *_keys(primary)}:
        known = section if command != "evaluate" else text  # which says: the keys of sample
        group = {"sample": "sample.NAME", "parameters": "parameters.NAME"}
        assert f"`{group.get(key.partition('.')[0], key)}`" in known, key


def _defaults(text: str) -> Iterator[tuple[str, object]]:
    """Keys and defaults in the tables of a section."""
    for row in re.findall(r"^\|(.*?)\|(.*?)\|.*\|$", text, re.MULTILINE):
        names, values = (re.findall(r"`([^`]+)`", cell) for cell in row)
        if values:
            values *= len(names) if len(values) == 1 else 1
            read = (yaml.safe_load(value.replace("1e", "1.0e")) for value in values)
            yield from zip(names, read, strict=True)


@pytest.mark.parametrize("command", ["derive", "train", "sample"])
def test_defaults_are_what_is_said(command: str) -> None:
    text = (ROOT / "docs" / "CLI.md").read_text(encoding="utf-8")
    said = dict(_defaults(text.partition(f"\n## {command}\n")[2].partition("\n## ")[0]))
    primary = yaml.safe_load((ROOT / "configs" / f"{command}.yaml").read_text())
    defaults = primary.pop("defaults")
    flat = {
        key: value for item in defaults if isinstance(item, dict) for key, value in item.items()
    }
    for group, value in primary.items():
        nested = value if isinstance(value, dict) else {}
        flat |= {f"{group}.{key}": v for key, v in nested.items()} or {group: value}
    told = said.keys() & flat.keys()
    assert len(told) >= 4 and {k: said[k] for k in told} == {k: flat[k] for k in told}


def test_every_command_and_public_name_is_there() -> None:
    text = (ROOT / "docs" / "CLI.md").read_text(encoding="utf-8")
    assert all(f"\n## {command}\n" in text for command in ("list", *cli._COMMANDS))
    reference = (ROOT / "docs" / "REFERENCE.md").read_text(encoding="utf-8")
    for public in set(genphys.__all__) - {"__version__"}:
        home = genphys._HOME[public]
        assert re.search(rf"(:: |\.){public}\n", reference), f"{home}.{public}"


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"^(?:\w+=\S+ )*make ([a-z-]+)", "\n".join(blocks(page, "sh")), re.M)
        named += re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8"))
        assert set(named) <= targets, page


# Links and words


def _slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.is_file(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(_slug, headings), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_loose_ends_and_no_paths_of_a_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"\b(TODO|FIXME|XXX|TBD|lorem)\b", text)
    assert not re.findall(r"(?<![\w.])/(?:work|tmp|home|root|opt|Users)\b", text)
    assert str(Path.home()) + os.sep not in text


def test_nothing_that_is_installed_asks_for_torchvision() -> None:
    seen, waiting = set[str](), ["genphys"]
    while waiting:
        package = waiting.pop()
        if package in seen:
            continue
        seen.add(package)
        try:
            needs = requires(package) or []
        except PackageNotFoundError:  # for another system, or an extra that is not installed
            continue
        wanted = (need for need in needs if package == "genphys" or "extra ==" not in need)
        waiting += [re.split(r"[^\w.-]", need)[0].lower() for need in wanted]
    assert "torchvision" not in seen and {"torch", "sympy", "mpmath", "ruff"} <= seen
