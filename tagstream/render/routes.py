"""Routes in the terminal: what a file would change, and the rules as a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.progress import BarColumn, TimeRemainingColumn
from rich.text import Text

from model import routes as toml
from operations.routes import CheckedRoutes, Routes
from operations.routes_check import Change, Outlook, Tick, share_behind
from schemas.records import ImageHead, State
from tagstream.render import progress, tables
from tagstream.render.console import PrintableTable
from tagstream.render.tables import counted


def shown(checked: CheckedRoutes) -> RenderableType:
    """What a routes file would change."""
    manifest, rules = checked.routes.manifest, checked.routes.rules
    right = Text.assemble(
        (str(checked.routes.file), "bold"),
        f" is right: {counted(len(rules), 'rule')} for {manifest.name} {manifest.version}",
    )
    if checked.outlook is None:
        return Group(right, Text("No store is here, so there is nothing to try them on", "dim"))
    return Group(right, *_changes(checked.outlook, is_whole=checked.is_whole))


def as_file(routes: Routes) -> str:
    """The rules as a routes file to edit, under comments that say whose they are."""
    return f"{_heading(routes)}\n\n{toml.dump(routes.rules)}"


@contextmanager
def watching(limit: int | None) -> Iterator[Tick]:
    """A progress bar on standard error with the time that is left, where somebody looks on."""
    columns = (
        progress.said("Looking at {task.fields[looked]:,} images"),
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
            f"{counted(count, 'image')} of {model}: not judged, that model's thresholds are its own",
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
        " the rest after `tagstream replay start --from earliest --decide-again`.",
        "dim",
    )


def _looked(outlook: Outlook, *, is_whole: bool) -> Text:
    rest = f", {outlook.deleted:,} of them deleted" if outlook.deleted else ""
    part = "" if is_whole else " (the first ones by their ids; there are more)"
    return Text(
        f"{counted(outlook.looked, 'image')} looked at{part}{rest}; "
        f"{outlook.judged:,} judged again by their kept scores, {outlook.changed:,} would change"
    )


def _table(outlook: Outlook) -> PrintableTable:
    numbers = {"Added", "Removed"}
    table = tables.plain("Topic", "Label", "Added", "Removed", "", right=numbers, whole=numbers)
    for (topic, label), changes in outlook.routes.items():
        without = changes.without_restaurant
        table.add_row(
            Text(topic, "cyan"),
            label,
            _number(changes.added, "bold green"),
            _number(changes.removed, "bold red"),
            Text(f"{without:,} have no restaurant and stay out" if without else "", "yellow"),
        )
    return table


def _number(change: Change, style: str) -> Text:
    return Text(f"{change.count:,}", style if change.count else "dim")


def _examples(outlook: Outlook) -> Iterator[tuple[Text, str, str]]:
    """What would change, for which image, at which probability."""
    for (_, label), changes in outlook.routes.items():
        for what, change in (("added", changes.added), ("removed", changes.removed)):
            style = "green" if what == "added" else "red"
            for image_id, probability in change.examples.items():
                seen = "" if probability is None else f"{probability:.3f}"
                yield Text(f"{label} {what}", style), image_id, seen


def _example_table(rows: list[tuple[Text, str, str]]) -> PrintableTable:
    table = tables.plain("For example", "Image", "Probability", right={"Probability"})
    for row in rows:
        table.add_row(*row)
    return table


def _visibility(outlook: Outlook) -> Text:
    parts = [_becoming(state, change) for state, change in outlook.states.items() if change.count]
    return Text("\n".join(parts) or "No image would become hidden or visible")


def _becoming(state: State, change: Change) -> str:
    return f"{counted(change.count, 'image')} would become {state}, as {', '.join(change.examples)}"


def _heading(routes: Routes) -> str:
    """Comments of the file: whose rules they are, and what a rule may say."""
    file, manifest = routes.file, routes.manifest
    whose = f"as {file} has them for" if file else "that come with"
    labels = ", ".join(f"{label} ({manifest.thresholds[label]:g})" for label in manifest.labels)
    refused = f" (no label reaches {manifest.refusal:g})" if manifest.refusal else ""
    return "\n".join(
        (
            f"# The routes {whose} {manifest.name} {manifest.version}.",
            f"# Labels and their thresholds: {labels};",
            f"# and uncertain, for what is none of them{refused}. A topic is called photos.NAME.v1.",
            "# threshold: the label's own where absent. hysteresis: what was announced is taken back",
            "# only below threshold - hysteresis.",
            "# Try it with `tagstream routes check FILE`; workers take it by TAGSTREAM_ROUTES__FILE=FILE.",
        )
    )
