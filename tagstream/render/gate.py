"""The promotion gate in the terminal: a table of figures and verdicts, and what to do about it."""

from __future__ import annotations

from typing import Any, Final

from model.registry.gate_row import GateRow, GateVerdict
from model.registry.promotion import PromotionResult
from model.registry.refs import AliasRef
from tagstream.render import tables
from tagstream.render.console import PrintableConsole, PrintableTable

STYLES: Final = {
    GateVerdict.PASSED: "",
    GateVerdict.REFUSED: "bold red",
    GateVerdict.BROKEN: "bold red",
    GateVerdict.SHOWN: "dim",
}


def document(found: PromotionResult, *, ref: AliasRef, are_told: bool) -> dict[str, Any]:
    """One document: whether the alias moved, whether workers know, and every row of the gate."""
    move = found.alias.last.model_dump(mode="json", by_alias=True) if found.alias and found.is_new else None
    return {
        "alias": str(ref),
        "promoted": found.alias is not None,
        "is_new": found.is_new,
        "move": move,
        "workers_told": are_told,
        "gate": found.outcome.as_json(),
    }


def show(found: PromotionResult, *, ref: AliasRef, outlook: str) -> None:
    """The table on standard output, how it ended, and when workers will know (`outlook`)."""
    console, outcome = PrintableConsole(), found.outcome
    if outcome.rows:
        console.print(_table(found))
    if outcome.photographs:
        console.print(f"{outcome.photographs} photographs, digest {outcome.data[:12]}")
    if outcome.note:
        console.print(outcome.note)
    console.print("\n".join(_end(found, ref, outlook)), soft_wrap=True)


def _end(found: PromotionResult, ref: AliasRef, outlook: str) -> list[str]:
    outcome = found.outcome
    if found.alias is None:
        return [
            f"refused: {outcome.candidate} is not fit for {ref}; nothing was moved",
            _mend(found),
            f"refused by: {'; '.join(map(_failing, outcome.refused))}",
        ]
    if not found.is_new:
        return []
    forced = f" by force ({found.alias.last.reason})" if found.alias.last.forced else ""
    came_from = found.alias.last.came_from
    was = f", and was {came_from}" if came_from else ""
    return [f"{ref} is {found.alias.version} now{forced}{was}", outlook]


def _mend(found: PromotionResult) -> str:
    if found.outcome.is_broken:
        return "a worker would not start with it: train it again, or try on the device that it is for"
    return "train a better one, or, if you know better: --force --reason TEXT"


def _failing(row: GateRow) -> str:
    """A row that refuses, for the last line: long tables scroll away."""
    figures = (("champion", row.champion), ("candidate", row.candidate), ("allowed", row.allowed))
    said = ", ".join(f"{name} {_shown(value)}" for name, value in figures if value is not None)
    return f"{row.name} ({said})" if said else f"{row.name} ({row.why})"


def _table(found: PromotionResult) -> PrintableTable:
    outcome = found.outcome
    title = f"{outcome.candidate} beside {outcome.champion or 'nothing'}"
    table = tables.bordered("figure", "champion", "candidate", "allowed", "verdict", title=title)
    for row in outcome.rows:
        verdict = f"{row.verdict.value}: {row.why}" if row.why else row.verdict.value
        cells = (row.name, *(_shown(each) for each in (row.champion, row.candidate, row.allowed)), verdict)
        table.add_row(*cells, style=STYLES[row.verdict])
    return table


def _shown(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.4g}"
