"""The page of figures: what stands between its markers is written by a run, the rest by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.suite import parts, table
from benchmarks.suite.parts import Part
from benchmarks.suite.results import Results

BEGIN: Final = "<!-- bench: figures -->"
END: Final = "<!-- bench: end -->"
_MARKED: Final = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
PARTS: Final = {
    "growth": "Growth with backlog and store",
    "latency": "Latency from upload to tag",
}
"""What others measure, and what it is called here."""


def write(file: Path, results: Results) -> None:
    """Put the figures between the page's markers; raises `ValueError` where it has none."""
    before = file.read_text(encoding="utf-8")
    if not _MARKED.search(before):
        raise ValueError(f"{file}: no place for figures: it lacks {BEGIN} and {END}")
    figures = f"{BEGIN}\n{text(results)}\n{END}"
    file.write_text(_MARKED.sub(lambda _: figures, before), encoding="utf-8")


def text(results: Results) -> str:
    """All figures as Markdown."""
    found = [f"Measured {table.machine_line(results)}; {_size(results)}."]
    for kind, about in results.photographs.items():
        found.append(f"### {kind.capitalize()}\n\n{about[:1].upper()}{about[1:]}.")
        found.append(table.markdown(table.HEADS, table.rows(results, kind)))
        found.append(f"{table.stages_line(results, kind)}.")
    found.append("### Who is ahead\n\n" + "\n".join(f"- {line}" for line in table.leaders(results)))
    for name, title in PARTS.items():
        documents = results.parts.get(name)
        said = _foreign(documents) if documents else "Not measured in this run."
        found.append(f"### {title}\n\n{said}")
    missing = [f"- {name}: {why}" for name, why in results.failed.items()] or ["- nothing that was tried"]
    found.append("### Not measured\n\n" + "\n".join(missing))
    return "\n\n".join(found)


def _size(results: Results) -> str:
    rounds = len(results.rounds)
    return f"{'full' if results.is_full else 'short'} run, medians of {rounds} interleaved rounds"


def _foreign(documents: Sequence[Any]) -> str:
    return "\n\n".join(_part(each) for each in parts.of(documents))


def _part(part: Part) -> str:
    heads = [name.replace("_", " ") for name in part.heads]
    measured = f"Measured {part.machine}." if part.machine else ""
    notes = "\n".join(f"- {note}" for note in part.notes)
    said = (f"{part.about}.", measured, table.markdown(heads, part.cells), notes)
    return "\n\n".join(each for each in said if each)
