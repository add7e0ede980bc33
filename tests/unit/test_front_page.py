"""What a newcomer meets first is true: the README's map, commands and sample output, and the drawn path."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from schemas.errors import Stage
from tools.reference import measured

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DRAWING = ET.parse(ROOT / "docs" / "straight-path.svg")  # noqa: S314 - a file of ours
OUTSIDE = {"benchmarks", "deploy", "docs", "tests", "tools"}
SHELL = {"tagstream", "make", "export", "set", ".", "jq"}
"""All that the README's shell lines may begin with."""


def shell_lines(page: str) -> Iterator[str]:
    for block in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        yield from filter(None, block.replace("\\\n", " ").splitlines())


def programs(line: str) -> Iterator[list[str]]:
    """The words of each program of a line, settings in front of it left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "|"]:
        if set(word) <= set("|;&<>"):
            while words and re.fullmatch(r"[A-Z0-9_]+=.*", words[0], re.DOTALL):
                words.pop(0)
            if words:
                yield words
            words = []
        else:
            words.append(word)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_every_line_of_the_readme_s_shell_blocks_runs_as_it_stands() -> None:
    found = [words[0] for line in shell_lines(README) for words in programs(line)]
    assert set(found) <= SHELL
    # `tagstream` is on the path from the line on that puts it there.
    assert found.index("export") < found.index("tagstream")


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_make_target_that_is_named_is_there(page: str) -> None:
    called = [words for line in shell_lines(page) for words in programs(line) if words[0] == "make"]
    in_blocks = {word for words in called for word in words[1:] if "=" not in word}
    in_prose = set(re.findall(r"`make ([a-z-]+)", page))
    assert in_blocks
    assert in_blocks | in_prose <= targets()


def test_every_switch_that_is_named_is_asked_for() -> None:
    named = re.findall(r"^\| `(?:make \w+ )?([A-Z_]+)=", CONTRIBUTING, re.MULTILINE)
    asking = [
        MAKEFILE,
        *(file.read_text() for top in ("tests", "deploy") for file in (ROOT / top).rglob("*.py")),
    ]
    assert len(named) >= 5
    assert [name for name in named if not any(name in text for text in asking)] == []


def test_contributing_is_three_screens() -> None:
    assert len(CONTRIBUTING.splitlines()) <= 80


def test_every_target_of_the_makefile_is_declared_as_none_of_a_file() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert declared is not None
    assert set(declared[1].split()) == targets()


def test_checking_needs_no_network() -> None:
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    assert "audit" not in recipe[1]
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert {"make check", "make audit"} <= set(gate)


def test_the_map_names_every_package_and_every_folder_around_them() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    named = re.findall(r"^([a-z]+)/ ", README, re.MULTILINE)
    assert set(wheel["packages"]) | OUTSIDE <= set(named)
    assert len(named) == len(set(named))
    assert OUTSIDE.isdisjoint(wheel["packages"])
    assert README.index("schemas/ ") < README.index("## What one sees")


def test_the_sample_output_is_what_the_packaged_model_says() -> None:
    assert measured.renewed(README, measured.lines()) == README, "`make docs` measures anew"


def test_a_table_that_is_read_is_the_table_that_was_written() -> None:
    said = (
        measured.Line("a.jpg", {"food": 0.25, "menu": 1.0}, "moderation (menu), tags only"),
        measured.Line("gone.jpg", {}, "dead letter: gone"),
    )
    page = f"<!-- measured: samples -->\n{measured.table(said)}\n<!-- end -->"
    assert measured.read(page) == said
    assert measured.renewed(page, said) == page


@pytest.mark.parametrize(
    "other",
    [
        measured.Line("a.jpg", {"food": 0.28}, "tags only"),
        measured.Line("a.jpg", {"food": 0.25}, "moderation (food)"),
        measured.Line("b.jpg", {"food": 0.25}, "tags only"),
        measured.Line("a.jpg", {}, "tags only"),
    ],
)
def test_output_of_another_model_would_be_seen(other: measured.Line) -> None:
    shown = measured.Line("a.jpg", {"food": 0.25}, "tags only")
    assert shown.is_close(measured.Line("a.jpg", {"food": 0.26}, "tags only"))
    assert not shown.is_close(other)


def drawn(css: str | None = None) -> list[tuple[float, float, str]]:
    """The words of the drawing, as they are read: line by line, from the left."""
    found = [
        (float(each.get("y", "0")), float(each.get("x", "0")), each.text or "")
        for each in DRAWING.iter("{http://www.w3.org/2000/svg}text")
        if css is None or css in each.get("class", "").split()
    ]
    return sorted(found)


def test_the_drawn_path_shows_every_stage_in_its_order() -> None:
    steps = [text for _, _, text in drawn("step-name")]
    assert steps == [*map(str, Stage), "acknowledge"]


def test_the_drawing_says_where_images_are_decoded_and_how_steps_fail() -> None:
    words = [text for _, _, text in drawn()]
    assert "in processes" in words
    assert [each for each in ("dead letter", "wait, try again", "exit 1") if each in words] == [
        "dead letter",
        "wait, try again",
        "exit 1",
    ]
    said = " ".join(words)
    assert {"photos.uploaded", "photos.decisions", "photos.rescore"} <= set(words)
    assert {"photos.tagged", "photos.tags.latest", "photos.moderation", "photos.ambiance"} <= set(words)
    assert "threads" not in said
