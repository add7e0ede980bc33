"""Template environment of the pages: everything that a file's name or a label may hold is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model import templates
from model.evaluation.pages import plots

HUES = (
    "#c8641b/#f09a56",
    "#5b57c9/#9d9aff",
    "#b4397d/#f082b9",
    "#0b7f86/#4fc4cb",
    "#5f7f1c/#a9cf5a",
    "#8a5a00/#e9b95b",
)
"""Of the labels in turn, in the light and in the dark scheme."""


def render(name: str, context: dict[str, Any]) -> str:
    """The template of that name."""
    environment = templates.environment(Path(__file__).parent)
    environment.filters["percent"] = percent
    environment.filters["span"] = span
    environment.globals["plot"] = plots
    environment.globals["hues"] = [tuple(pair.split("/")) for pair in HUES]
    return environment.get_template(name).render(context)


def percent(value: float) -> str:
    """97.3 %."""
    return f"{100 * value:.1f} %"


def span(interval: tuple[float, float], *, scale: float = 100, signed: bool = False) -> str:
    """Both ends of an interval: 95.1 to 98.7."""
    digits = 1 if scale > 1 else 3
    sign = "+" if signed else ""
    return " to ".join(f"{scale * end:{sign}.{digits}f}" for end in interval)
