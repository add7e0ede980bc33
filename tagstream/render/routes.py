"""How `tagstream routes check` tells what it found: for people, or as one JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from model.manifest import Manifest
from operations.routes_check import Change, Outlook, RouteChanges, Tick, share_behind
from schemas.records import ImageHead, State
from schemas.tags import RouteRule
from tagstream.render import progress, tables


@dataclass(frozen=True, slots=True)
class Checked:
    """A routes file that is right, and what it would change."""

    file: Path
    rules: tuple[RouteRule, ...]
    manifest: Manifest
    outlook: Outlook | None
    """None where no store is here."""
    is_whole: bool = True
    """Whether all images were looked at."""

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        return {
            "file": str(self.file),
            "rules": [rule.model_dump() for rule in self.rules],
            "model": self.manifest.ref.model_dump(),
            "store": self.outlook is not None,
            "complete": self.is_whole,
            **(self.outlook.document() if self.outlook else {}),
        }

    def shown(self) -> RenderableType:
        """For people."""
        model = f"{self.manifest.name} {self.manifest.version}"
        right = Text.assemble(
            (str(self.file), "bold"), f" is right: {_counted(len(self.rules), 'rule')} for {model}"
        )
        if self.outlook is None:
            return Group(right, Text("No store is here, so there is nothing to try them on", "dim"))
        return Group(right, *_changes(self.outlook, is_whole=self.is_whole))


@contextmanager
def watching(limit: int | None) -> Iterator[Tick]:
    """A progress bar on standard error with the time that is left, where somebody looks on."""
    columns = (
        TextColumn("Looking at {task.fields[looked]:,} images"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with progress.on_terminal(*columns) as shown:
        bar = shown.add_task("", total=None, looked=0)
        looked = 0

        def tick(head: ImageHead) -> None:
            nonlocal looked
            looked += 1
            if looked % 100:
                return
            share = looked / limit if limit else share_behind(head.image_id)
            shown.update(bar, total=None if share is None else 1.0, completed=share, looked=looked)

        yield tick


def _changes(outlook: Outlook, *, is_whole: bool) -> Iterator[RenderableType]:
    yield _looked(outlook, is_whole=is_whole)
    for model, count in outlook.other_models.most_common():
        yield Text(
            f"{_counted(count, 'image')} of {model}: not judged, that model's thresholds are its own",
            "yellow",
        )
    yield Text()
    yield _table(outlook)
    yield Text()
    if examples := list(_examples(outlook)):
        yield _example_table(examples)
        yield Text()
    yield _visibility(outlook)
    yield Text(
        "Nothing was written or sent. Workers that have these rules go by them for what they score, and for"
        " the rest after `tagstream replay --from earliest --decide-again`.",
        "dim",
    )


def _looked(outlook: Outlook, *, is_whole: bool) -> Text:
    rest = f", {outlook.deleted:,} of them deleted" if outlook.deleted else ""
    part = "" if is_whole else " (the first ones by their ids; there are more)"
    return Text(
        f"{_counted(outlook.looked, 'image')} looked at{part}{rest}; "
        f"{outlook.judged:,} judged again by their kept scores, {outlook.changed:,} would change"
    )


def _table(outlook: Outlook) -> Table:
    numbers = {"Added", "Removed"}
    table = tables.plain("Topic", "Label", "Added", "Removed", "", right=numbers, whole=numbers)
    for (topic, label), changes in outlook.routes.items():
        table.add_row(
            Text(topic, "cyan"),
            label,
            _number(changes.added, "bold green"),
            _number(changes.removed, "bold red"),
            Text(_homeless(changes), "yellow"),
        )
    return table


def _number(change: Change, style: str) -> Text:
    return Text(f"{change.count:,}", style if change.count else "dim")


def _homeless(changes: RouteChanges) -> str:
    return (
        f"{changes.without_restaurant:,} have no restaurant and stay out"
        if changes.without_restaurant
        else ""
    )


def _examples(outlook: Outlook) -> Iterator[tuple[Text, str, str]]:
    """What would change, for which image, at which probability."""
    for (_, label), changes in outlook.routes.items():
        for what, change in (("added", changes.added), ("removed", changes.removed)):
            style = "green" if what == "added" else "red"
            for image_id, probability in change.examples.items():
                seen = "" if probability is None else f"{probability:.3f}"
                yield Text(f"{label} {what}", style), image_id, seen


def _example_table(rows: list[tuple[Text, str, str]]) -> Table:
    table = tables.plain("For example", "Image", "Probability", right={"Probability"})
    for row in rows:
        table.add_row(*row)
    return table


def _visibility(outlook: Outlook) -> Text:
    parts = [_becoming(state, change) for state, change in outlook.states.items() if change.count]
    return Text("\n".join(parts) or "No image would become hidden or visible")


def _becoming(state: State, change: Change) -> str:
    return f"{_counted(change.count, 'image')} would become {state}, as {', '.join(change.examples)}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
