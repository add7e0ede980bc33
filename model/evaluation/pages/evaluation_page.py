"""The page of one version's evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from model.evaluation import headings
from model.evaluation.evaluation_run import EvaluationResult
from model.evaluation.pages import mistakes, plots, template
from model.evaluation.report import Report
from model.evaluation.shares import Share

TEMPLATE = "evaluation.html.j2"


def render(outcome: EvaluationResult) -> str:
    """The whole page."""
    report, predictions = outcome.report, outcome.predictions
    context = {
        "outcome": outcome,
        "report": report,
        "manifest": outcome.manifest,
        "lowest": list(lowest(report)),
        "tags": list(headings.by_label(report, headings.of_tags(report.task))),
        "whole": list(headings.found(report, headings.whole(report.task))),
        "main": list(headings.found(report, headings.main(report.task, labels=len(report.labels)))),
        "main_tags": list(headings.by_label(report, headings.main_tags(report.task))),
        "gap": [
            (each, outcome.gap[each.key]) for each in headings.all_of(report.task, labels=len(report.labels))
        ]
        if outcome.gap
        else [],
        "curves": plots.curves(predictions, report),
        "reliabilities": plots.reliabilities(report),
        "histograms": plots.histograms(predictions),
        "wrong_tags": mistakes.of_labels(predictions),
        "wrong_of_none": mistakes.of_none(predictions),
        "wrong_main": mistakes.of_main(predictions) if report.task == "multi_label" else None,
        "tagstream": metadata.version("tagstream"),
    }
    return template.render(TEMPLATE, context)


def lowest(report: Report) -> Iterator[tuple[str, str, Share]]:
    """The label with the lowest precision, and that with the lowest recall: where to look first."""
    for name, shares in (("precision", report.tag_precision), ("recall", report.tag_recall)):
        known = {label: share for label, share in shares.items() if share.is_defined}
        if known:
            label = min(known, key=lambda each: known[each].value)
            yield name, label, known[label]
