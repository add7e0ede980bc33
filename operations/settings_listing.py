"""Every setting with its value, where that comes from, and what it means; secrets are masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.telemetry import masking
from agents.wiring import settings


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    value: Any
    source: str
    """`default`, `environment`, or `dev`: the system that `tagstream dev` runs here."""
    meaning: str


def listing(environment: Mapping[str, str], from_dev: Mapping[str, str]) -> list[Setting]:
    """All of them; `from_dev` are those that the running system of `tagstream dev` has set."""
    given = settings.load().model_dump(mode="json")
    set_here = {name.upper(): value for name, value in environment.items()}

    def source(name: str) -> str:
        if name not in set_here:
            return "default"
        return "dev" if from_dev.get(name) == set_here[name] else "environment"

    mask = masking.here()
    return [
        Setting(name, mask.hide_in(_value(given, name)), source(name), meaning)
        for name, meaning, _ in settings.names()
    ]


def _value(given: dict[str, Any], variable: str) -> Any:  # noqa: ANN401 - whatever the setting is
    section, name = variable.removeprefix("TAGSTREAM_").lower().split("__")
    return given[section][name]
