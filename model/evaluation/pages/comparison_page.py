"""The page of two versions side by side."""

from __future__ import annotations

from importlib import metadata

from model.evaluation import headings
from model.evaluation.comparison import aligned
from model.evaluation.evaluation_run import Versus
from model.evaluation.pages import mistakes, template

TEMPLATE = "comparison.html.j2"


def render(versus: Versus) -> str:
    """The whole page."""
    a, b = aligned(*versus.predictions)
    task = a.task
    context = {
        "versus": versus,
        "comparison": versus.comparison,
        "tags": headings.of_tags(task),
        "main_tags": headings.main_tags(task),
        "whole": [(each, versus.comparison.figures[each.key]) for each in headings.whole(task)],
        "main": [
            (each, versus.comparison.figures[each.key]) for each in headings.main(task, labels=len(a.labels))
        ],
        "race": versus.benchmark,
        "names": tuple(f"{each.name} {each.version}" for each in versus.manifests),
        "only_a": mistakes.alone(a, b, order=(a, b)),
        "only_b": mistakes.alone(b, a, order=(a, b)),
        "tagstream": metadata.version("tagstream"),
    }
    return template.render(TEMPLATE, context)
