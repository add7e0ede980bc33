"""The model card: Markdown for people, from the manifest, the run and the notes of whoever trained it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from model.evaluation.report import Report
from model.evaluation.shares import NOTHING, Figure, Share
from model.manifest import Manifest

PENDING = (
    "No notes were given (`--notes FILE`): say here what it is for, on what it was trained, where it is weak."
)

READING = (
    "Shares with counts and 95 % intervals (Wilson's, which takes photographs for independent; beside it by "
    "resampling sources, where they are known); values without counts with bootstrap intervals. Top label: "
    "the highest probability; tagged: at or above the label's threshold. What each figure means: "
    "docs/evaluation.md."
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
    """One split's report."""
    shares = "\n".join(f"- {name}: {figure}{_over_sources(figure)}" for name, figure in _overall(report))
    parts = [f"## Report on `{split}`", READING, shares, _per_label(report), _confusion(report)]
    return "\n\n".join([*parts, *_slices(report), *_speed(report)])


def _over_sources(figure: Share | Figure) -> str:
    if not isinstance(figure, Share) or figure.resampled is None:
        return ""
    low, high = figure.resampled
    return f"; {low:.1%} to {high:.1%} over sources"


def _overall(report: Report) -> list[tuple[str, Share | Figure]]:
    k = min(5, len(report.classes))
    return [
        ("Top label right", report.top_accuracy),
        ("Top label right, of the 90 % that are most confident", report.coverage_90),
        ("Top label is one of the true tags (precision at 1)", report.precision_at_1),
        (f"True tags among the {k} highest (recall at {k})", report.recall_at_5),
        ("F1 of tags, mean over photographs", report.f1_samples),
        ("Mean average precision", report.mean_average_precision),
        ("Photographs with several tags, all of them found", report.mixed_all_found),
        ("Photographs with one tag that got another", report.singles_with_extra),
        ("Pictures of none of the labels that were tagged all the same", report.negatives_acted_on),
        ("Expected calibration error, every label's probability", report.tags.error),
        ("Expected calibration error, the top label's probability", report.tops.error),
    ]


def _head(manifest: Manifest) -> str:
    labels, size = ", ".join(manifest.labels), manifest.input.size
    return (
        f"# {manifest.name} {manifest.version}\n\n"
        f"Tags a photograph with any of: {labels} ({TASKS[manifest.task]}).\n\n"
        f"- Licence: {manifest.licence or 'not stated'}\n"
        f"{_began_with(manifest)}"
        f"- Architecture: {manifest.architecture}, input {size} x {size}, {manifest.input.fit}\n"
        f"- Data digest: `{manifest.data_digest}`\n"
        f"- Code commit: `{manifest.code_commit or 'unknown'}`"
    )


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
    wish = ", ".join(f"{name} {share:.1%}" for name, share in chosen.items())
    return wish if reached is None else f"{wish} (there: {reached:.1%})"


def _per_label(report: Report) -> str:
    columns = (report.precision, report.recall, report.tag_precision, report.tag_recall)
    rows = [
        (
            label,
            *(_short(column[label]) for column in columns),
            str(report.f1[label]),
            str(report.average_precision[label]),
        )
        for label in report.labels
    ]
    shares = ("precision (top)", "recall (top)", "precision (tagged)", "recall (tagged)")
    return table(("label", *shares, "F1", "average precision"), rows)


def _slices(report: Report) -> list[str]:
    """By brightness and size; sources are names that a card does not tell."""
    rows = [
        (f"{kind}, {part.name}", str(part.of), "too few to say" if part.too_small else str(part.top_accuracy))
        for kind, parts in report.slices.items()
        if kind != "source"
        for part in parts
    ]
    return [table(("slice", "photographs", "top label right"), rows)] if rows else []


def _speed(report: Report) -> list[str]:
    if report.speed is None:
        return []
    speed = report.speed
    text = (
        f"On {speed.device}, {speed.threads} threads: {speed.images_per_second:.0f} images/s in batches "
        f"of {speed.batch} ({speed.cpu_ms:.1f} ms of processor an image), {speed.latency_ms:.1f} ms for one "
        f"alone; decoding {speed.decode_ms:.1f} ms."
    )
    return [text]


def _short(share: Share) -> str:
    if not share.of:
        return NOTHING
    low, high = share.interval
    return f"{share.value:.1%} of {share.of} ({low:.0%} to {high:.0%})"


def _confusion(report: Report) -> str:
    rows = [
        (label, *(str(count) for count in counts))
        for label, counts in zip(report.classes, report.confusion, strict=True)
    ]
    return table(("main label \\ top label", *report.classes), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
