"""The page of one version's evaluation."""

from __future__ import annotations

from importlib import metadata

from model.evaluation.evaluation_run import EvaluationResult
from model.evaluation.pages import mistakes, plots, template
from model.evaluation.report import Report
from model.evaluation.shares import Figure, Share

TEMPLATE = "evaluation.html.j2"


def render(outcome: EvaluationResult) -> str:
    """The whole page."""
    report, predictions = outcome.report, outcome.predictions
    worst, wrong = mistakes.worst(predictions)
    context = {
        "outcome": outcome,
        "report": report,
        "manifest": outcome.manifest,
        "figures": figures(report),
        "curves": plots.curves(predictions, report),
        "dots": plots.dots(report.tags),
        "dots_top": plots.dots(report.tops),
        "histograms": plots.histograms(predictions),
        "worst": worst,
        "wrong": wrong,
        "tagstream": metadata.version("tagstream"),
    }
    return template.render(TEMPLATE, context)


def figures(report: Report) -> list[tuple[str, str, Share | Figure]]:
    """Name, meaning and figure of the whole."""
    k = min(5, len(report.classes))
    return [
        ("Top label right", "the highest probability is the main label's", report.top_accuracy),
        ("… of the 90 % most confident", "the rest left to a person", report.coverage_90),
        ("Precision at 1", "the top label is one of the true tags", report.precision_at_1),
        (f"Recall at {k}", f"true tags among the {k} highest labels", report.recall_at_5),
        ("F1 by photographs", "of each photograph's tags, the mean", report.f1_samples),
        (
            "Mean average precision",
            "over all thresholds, the mean of the labels",
            report.mean_average_precision,
        ),
        ("Several tags, all found", "photographs with two tags or more", report.mixed_all_found),
        ("One tag, and another one set", "lower is better", report.singles_with_extra),
        ("None of the labels, yet tagged", "negatives acted on; lower is better", report.negatives_acted_on),
        ("Calibration error, every label", "said against true, pooled; lower is better", report.tags.error),
        ("Calibration error, top label", "lower is better", report.tops.error),
    ]
