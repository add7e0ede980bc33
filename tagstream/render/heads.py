"""The record of one image and its score history, as a document or for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from agents import moderation_policy
from agents.moderation_policy import Unapplied
from operations import topic_names
from schemas.decisions import Decision
from schemas.erasure import Erasure
from schemas.records import ImageHead, ScoreRecord, State
from schemas.tags import Verdict
from tagstream.render import tables, tags
from tagstream.render.console import PrintableTable

_WHY_NOT = {
    Unapplied.OUTRANKED: "outranked",
    Unapplied.OTHER_BYTES: "of other bytes",
    Unapplied.REMOVED: "the image was removed",
}
_COLOURS = {State.VISIBLE: "bold green", State.HIDDEN: "bold yellow", State.DELETED: "bold red"}


def document(head: ImageHead, history: Sequence[ScoreRecord] | None) -> dict[str, Any]:
    """The head as it is kept, and the records where they were asked for."""
    told = head.model_dump(mode="json", exclude={"claims", "pending"})
    if history is None:
        return told
    return told | {"history": [record.model_dump(mode="json") for record in history]}


def shown(head: ImageHead, history: Sequence[ScoreRecord] | None) -> RenderableType:
    """The head: state, tags with bars, model, decision, routes; and the history where it was asked for."""
    parts: list[RenderableType] = [_facts(head), Text()]
    if head.verdict is not None:
        parts.append(tags.bars(head.verdict.tags))
        if why := tags.what_decided(route.rule for route in head.verdict.routes):
            parts.append(Text(why, "dim"))
        parts += [Text(), _routes(head.verdict)]
    elif head.is_erased:
        parts.append(Text("Erased: no upload of before brings it back", "dim"))
    else:
        parts.append(Text("Removed: no tag holds of it any more", "dim"))
    if history is not None:
        parts += [Text(), _history(history)]
    return Group(*parts)


def _facts(head: ImageHead) -> PrintableTable:
    if head.erased and head.is_erased:
        return tables.grid(_tombstone(head, head.erased).items())
    verdict = head.verdict
    rows: dict[str, str | Text] = {
        "image": head.image_id,
        "object": str(head.location),
        "state": Text(head.state, _COLOURS[head.state]),
        "restaurant": head.restaurant_id or "-",
        "uploaded": f"{head.position.uploaded_at.astimezone():%Y-%m-%d %H:%M:%S %Z}",
        "model": f"{verdict.model.name} {verdict.model.version} ({verdict.model.digest[:12]})"
        if verdict
        else "-",
        "decision": _decision(head, head.decision),
        "announced": "yes" if head.is_announced else Text("not yet", "yellow"),
    }
    return tables.grid(rows.items())


def _tombstone(head: ImageHead, erasure: Erasure) -> dict[str, str | Text]:
    return {
        "image": head.image_id,
        "state": Text("erased", _COLOURS[head.state]),
        "erased": f"{erasure.erased_at.astimezone():%Y-%m-%d %H:%M:%S %Z}",
        "announced": "yes" if head.is_announced else Text("not yet: run `tagstream erase` again", "yellow"),
    }


def _decision(head: ImageHead, decision: Decision | None) -> str:
    if decision is None:
        return "-"
    why = moderation_policy.unapplied(head, decision)
    does_nothing = f" (does nothing: {_WHY_NOT[why]})" if why else ""
    labels = "" if decision.labels is None else f" {', '.join(decision.labels) or 'no label'}"
    unsure = f" (unsure of {', '.join(decision.unsure)})" if decision.unsure else ""
    comment = f": {decision.comment}" if decision.comment else ""
    return (
        f"{decision.action}{labels}{unsure}, by {decision.decided_by} at {decision.decided_at.isoformat()}"
        f"{does_nothing}{comment}"
    )


def _routes(verdict: Verdict) -> RenderableType:
    if not verdict.routes:
        return Text("Goes nowhere", "dim")
    table = PrintableTable.grid(padding=(0, 2))
    for route in verdict.routes:
        table.add_row(
            Text(f"→ {topic_names.short(route.topic)}", "bold cyan"), route.label, Text(route.rule, "dim")
        )
    return table


def _history(history: Sequence[ScoreRecord]) -> RenderableType:
    if not history:
        return Text("No scores in the history", "dim")
    labels = tuple(dict.fromkeys(label for each in history for label in each.scores.probabilities))
    table = tags.columns("Scored", labels, last="Model, content and job")
    for each in sorted(history, key=lambda record: record.scored_at):
        cells = [Text(f"{each.scores.probabilities.get(label, 0):.2f}") for label in labels]
        about = f"{each.scores.model.version}  {each.content_version[:16]}  {each.job}"
        table.add_row(f"{each.scored_at.astimezone():%Y-%m-%d %H:%M:%S}", *cells, about)
    return table
