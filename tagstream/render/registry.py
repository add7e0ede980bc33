"""Model versions in the terminal: a list, and one with the moves of its aliases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.text import Text

from model.manifest import Manifest
from model.registry.aliases import Alias, AliasMove
from model.registry.registry import RegistryEntry
from operations.registry import VersionView
from tagstream.render import tables
from tagstream.render.console import PrintableConsole, PrintableTable

SPLITS: Final = ("test", "val", "train")
"""Of the figures that a manifest may carry the one that says most."""
MEBIBYTE: Final = 2**20


def entry(found: RegistryEntry) -> dict[str, Any]:
    """A version of a listing."""
    manifest = found.manifest
    return {
        "name": found.ref.name,
        "version": found.ref.version,
        "published": found.published.isoformat(),
        "bytes": found.size,
        "aliases": list(found.aliases),
        "architecture": manifest.architecture if manifest else None,
        "labels": list(manifest.labels) if manifest else None,
        "metrics": dict(manifest.metrics) if manifest else None,
        "damage": found.damage or None,
    }


def show_entries(found: Sequence[RegistryEntry], *, name: str | None) -> None:
    """A row a version."""
    console = PrintableConsole()
    if not found:
        console.print(f"no version of {name}" if name else "no version yet")
        return
    columns = ("version", "published (UTC)", "MiB", "architecture", "top label right", "aliases")
    table = tables.bordered(*columns)
    for each in found:
        known = (each.manifest.architecture, top(each.manifest)) if each.manifest else ("-", each.damage)
        size = f"{each.size / MEBIBYTE:.1f}"
        table.add_row(
            str(each.ref), f"{each.published:%Y-%m-%d %H:%M}", size, *known, ", ".join(each.aliases)
        )
    console.print(table)


def top(manifest: Manifest) -> str:
    """The accuracy of the top label, and on what."""
    for split in SPLITS:
        match manifest.metrics.get(split):
            case {"top_accuracy": {"value": float() | int() as value, "of": int() as of}}:
                return f"{value:.1%} of {of} ({split})"
    return "not stated"


def show_version(shown: VersionView) -> None:
    """The card as it is, then the moves."""
    console = PrintableConsole()
    console.print(f"{shown.version}, manifest sha256 {shown.digest}", soft_wrap=True)
    console.print(f"\n{shown.card}", soft_wrap=True)
    for name, alias in shown.aliases.items():
        console.print(_moves(shown.version.name, name, alias))


def _moves(name: str, alias: str, found: Alias) -> PrintableTable:
    columns = ("when (UTC)", "from", "to", "by", "how", "reason", "gate")
    table = tables.bordered(*columns, title=f"{name}@{alias} is {found.version}")
    for move in found.history:
        how = f"{move.kind.value}, by force" if move.forced else move.kind.value
        cells = (f"{move.when:%Y-%m-%d %H:%M:%S}", move.came_from or "-", move.to, move.by, how, move.reason)
        table.add_row(*(Text(cell) for cell in (*cells, _gate(move))))
    return table


def _gate(move: AliasMove) -> str:
    match move.gate:
        case {"verdict": "refused", "refused": list() as rows}:
            return "refused: " + ", ".join(str(row.get("name")) for row in rows if isinstance(row, dict))
        case {"verdict": str() as verdict, "note": str() as note}:
            return f"{verdict} ({note})" if note else verdict
    return "-"
