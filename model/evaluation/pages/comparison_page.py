"""The page of two versions side by side."""

from __future__ import annotations

from importlib import metadata

from model.evaluation.comparison import aligned
from model.evaluation.evaluation_run import Versus
from model.evaluation.pages import mistakes, template

TEMPLATE = "comparison.html.j2"


def render(versus: Versus) -> str:
    """The whole page."""
    a, b = aligned(*versus.predictions)
    context = {
        "versus": versus,
        "comparison": versus.comparison,
        "race": versus.benchmark,
        "names": tuple(f"{each.name} {each.version}" for each in versus.manifests),
        "only_a": mistakes.alone(a, b, order=(a, b)),
        "only_b": mistakes.alone(b, a, order=(a, b)),
        "tagstream": metadata.version("tagstream"),
    }
    return template.render(TEMPLATE, context)
