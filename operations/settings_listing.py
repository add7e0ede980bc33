"""Settings listing: every setting with its value, where that comes from, and its meaning; secrets masked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agents.wiring import settings

UNSET: Final = ("default", "derived")
"""Where a value comes from that nobody has set."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    value: Any
    source: str
    """`default`, `derived` from another one, `environment`, or `dev`: what `tagstream dev` runs here."""
    meaning: str


def listing(environment: Mapping[str, str], from_dev: Mapping[str, str], *, every: bool) -> list[Setting]:
    """Those that people turn and those that are set, or all.

    `from_dev` are those that the running system of `tagstream dev` has set.
    """
    given = settings.load().model_dump(mode="json")
    set_here = {name.upper(): value for name, value in environment.items()}

    def source(setting: settings.SettingField) -> str:
        name = setting.name
        if name not in set_here:
            return "derived" if setting.rule else "default"
        return "dev" if from_dev.get(name) == set_here[name] else "environment"

    mask = settings.mask()
    return [
        Setting(each.name, mask.hide_in(given[each.section][each.field]), source(each), each.meaning)
        for each in settings.described()
        if every or not each.is_advanced or each.name in set_here
    ]
