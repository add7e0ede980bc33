"""The model card: Markdown for people, from the manifest, the run and the notes of whoever trained it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from model.evaluation import headings
from model.evaluation.headings import Heading
from model.evaluation.report import Report
from model.evaluation.shares import Figure, Share
from model.manifest import Manifest

PENDING = (
    "No notes were given (`--notes FILE`): say here what it is for, on what it was trained, where it is weak."
)

READING = (
    "Shares with counts and 95 % intervals (Wilson's, which takes photographs for independent; beside it, "
    "and in tables in its place, by resampling sources, where they are known); values without counts "
    "with bootstrap intervals. Tagged: at or above the label's threshold; top label: the highest of all. "
    "A tag of which the data says maybe counts neither way. What each figure means: docs/evaluation.md."
)
REFUSED = (
    "\nA picture on which no label reaches {:g} is refused: it gets no tag at all. The thresholds say which "
    "tags an image has that is not.\n"
)
UNSAID = (
    "Chosen on `val`: for each label the highest threshold that keeps 98 % of its true tags, within 0.20 "
    "to 0.50, so that as little as possible of what is none of the labels is tagged."
)
TASKS = {
    "multi_label": "a sigmoid each; none at all is possible",
    "single_label": "a softmax over them; the highest alone, or none",
    "binary": "one sigmoid: it is there, or not",
}


def card(manifest: Manifest, *, reports: Mapping[str, Report], notes: str = "") -> str:
    """The whole card."""
    parts = [_head(manifest), notes.strip() or PENDING, _decisions(manifest)]
    parts += [section(split, report) for split, report in reports.items()]
    return "\n\n".join(parts) + "\n"


def section(split: str, report: Report) -> str:
    """One split's report: of the tags, of the whole, then of the main tag."""
    whole, main = headings.whole(report.task), headings.main(report.task, labels=len(report.labels))
    parts = [f"## Report on `{split}`", READING, _tags(report), _listed(report, whole)]
    parts += [_listed(report, main), _main_tags(report)] if main else []
    return "\n\n".join([*parts, _confusion(report), *_slices(report), *_speed(report)])


def _listed(report: Report, shown: Sequence[Heading]) -> str:
    return "\n".join(
        f"- {heading.name} ({heading.meaning}): {figure}" for heading, figure in headings.found(report, shown)
    )


def _head(manifest: Manifest) -> str:
    labels, size = ", ".join(manifest.labels), manifest.input.size
    return (
        f"# {manifest.name} {manifest.version}\n\n"
        f"Tags a photograph with any of: {labels} ({TASKS[manifest.task]}).\n\n"
        f"{licence_line(manifest.licence)}"
        f"{_began_with(manifest)}"
        f"- Architecture: {manifest.architecture}, input {size} x {size}, {manifest.input.fit}\n"
        f"- Data digest: `{manifest.data_digest}`\n"
        f"- Code commit: `{manifest.code_commit or 'unknown'}`"
    )


def licence_line(licence: str) -> str:
    """Of the card's head."""
    return f"- Licence: {licence or 'not stated'}\n"


def _began_with(manifest: Manifest) -> str:
    return f"- Weights it began with: {manifest.began_with}\n" if manifest.began_with else ""


def _decisions(manifest: Manifest) -> str:
    rows = [
        (label, f"{threshold:.2f}", _reason(manifest, label))
        for label, threshold in manifest.thresholds.items()
    ]
    line = "Chosen on `val`." if manifest.chosen_for else UNSAID
    lines = table(("label", "threshold", "chosen for"), rows)
    text = f"## Thresholds\n\n{line} Temperature {manifest.temperature:g}, fitted on `val`.\n\n{lines}"
    return f"{text}\n{REFUSED.format(manifest.refusal)}" if manifest.refusal else text


def _reason(manifest: Manifest, label: str) -> str:
    chosen = dict(manifest.chosen_for.get(label, {}))
    reached = chosen.pop("reached", None)
    if "threshold" in chosen:
        return "set by hand" if reached is None else f"set by hand (recall there: {reached:.1%})"
    if "f1" in chosen:
        return "the highest F1" if reached is None else f"the highest F1 (there: {reached:.1%})"
    wish = ", ".join(f"{name} {share:.1%}" for name, share in chosen.items())
    return wish if reached is None else f"{wish} (there: {reached:.1%})"


def _tags(report: Report) -> str:
    return _by_label(report, headings.of_tags(report.task))


def _main_tags(report: Report) -> str:
    return _by_label(report, headings.main_tags(report.task))


def _by_label(report: Report, shown: Sequence[Heading]) -> str:
    columns = [column for _, column in headings.by_label(report, shown)]
    rows = [(label, *(_short(column[label]) for column in columns)) for label in report.labels]
    return table(("label", *(heading.name for heading in shown)), rows)


def _slices(report: Report) -> list[str]:
    """By brightness and size; sources are names that a card does not tell."""
    rows = [
        (f"{kind}, {part.name}", str(part.of), "too few to say" if part.too_small else str(part.top_accuracy))
        for kind, parts in report.slices.items()
        if kind != "source"
        for part in parts
    ]
    right = "right, there or not" if report.task == "binary" else "top label right"
    return [table(("slice", "photographs", right), rows)] if rows else []


def _speed(report: Report) -> list[str]:
    return [] if report.speed is None else [f"Speed: {report.speed}."]


def _short(figure: Share | Figure) -> str:
    if isinstance(figure, Figure) or not figure.is_defined:
        return str(figure)
    low, high = figure.shown_interval
    return f"{figure.value:.1%} of {figure.of} ({low:.0%} to {high:.0%})"


def _confusion(report: Report) -> str:
    rows = [
        (label, *(str(count) for count in counts))
        for label, counts in zip(report.classes, report.confusion, strict=True)
    ]
    return table((headings.corner(report.task), *report.classes), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
