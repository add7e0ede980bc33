"""The model card: Markdown for people, from the manifest, the run and the notes of whoever trained it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from model.evaluation.report import Report
from model.evaluation.shares import Share
from model.manifest import Manifest

PENDING = (
    "No notes were given (`--notes FILE`): say here what it is for, on what it was trained, where it is weak."
)

READING = (
    "Shares with counts and 95 % intervals (Wilson). Top label: the highest probability; tagged: at or "
    "above the label's threshold."
)
CHOSEN = (
    "Chosen on `val`: for each label the highest threshold that keeps 98 % of its true tags, within 0.20 "
    "to 0.50, so that as little as possible of what is none of the labels is tagged."
)


def card(manifest: Manifest, *, reports: Mapping[str, Report], notes: str = "") -> str:
    """The whole card."""
    parts = [_head(manifest), notes.strip() or PENDING, _decisions(manifest)]
    parts += [section(split, report) for split, report in reports.items()]
    return "\n\n".join(parts) + "\n"


def section(split: str, report: Report) -> str:
    """One split's report."""
    shares = (
        f"- Top label right: {report.top_accuracy}\n"
        f"- Photographs with several tags, all of them found: {report.mixed_all_found}\n"
        f"- Pictures of none of the labels that were tagged all the same: {report.negatives_acted_on}"
    )
    return "\n\n".join([f"## Report on `{split}`", READING, shares, _per_label(report), _confusion(report)])


def _head(manifest: Manifest) -> str:
    labels, size = ", ".join(manifest.labels), manifest.input.size
    return (
        f"# {manifest.name} {manifest.version}\n\n"
        f"Tags a photograph with any of: {labels} (a sigmoid each; none at all is possible).\n\n"
        f"- Licence: {manifest.licence or 'not stated'}\n"
        f"- Architecture: {manifest.architecture}, input {size} x {size}, {manifest.input.fit}\n"
        f"- Data digest: `{manifest.data_digest}`\n"
        f"- Code commit: `{manifest.code_commit or 'unknown'}`"
    )


def _decisions(manifest: Manifest) -> str:
    lines = table(("label", "threshold"), [(k, f"{v:.2f}") for k, v in manifest.thresholds.items()])
    return f"## Thresholds\n\n{CHOSEN} Temperature {manifest.temperature:g}, fitted on `val`.\n\n{lines}"


def _per_label(report: Report) -> str:
    columns = (report.precision, report.recall, report.tag_precision, report.tag_recall)
    rows = [(label, *(_short(column[label]) for column in columns)) for label in report.labels]
    return table(("label", "precision (top)", "recall (top)", "precision (tagged)", "recall (tagged)"), rows)


def _short(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.1%} of {share.of} ({low:.0%} to {high:.0%})"


def _confusion(report: Report) -> str:
    rows = [
        (label, *(str(count) for count in counts))
        for label, counts in zip(report.labels, report.confusion, strict=True)
    ]
    return table(("main label \\ top label", *report.labels), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
