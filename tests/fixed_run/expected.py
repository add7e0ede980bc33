"""The golden file: what the run gave when it was last written, section by section."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from .differences import Difference, differences
from .run import a_day, payloads_alone, payloads_together, the_samples

FILE: Final = Path(__file__).parent / "expected.json"

SECTIONS: Final[Mapping[str, Callable[[], Awaitable[dict[str, Any]]]]] = {
    "payloads alone": payloads_alone,
    "payloads together": payloads_together,
    "a day": a_day,
    "samples": the_samples,
}

TOLERANCES: Final[Mapping[str, float]] = {"samples": 0.002}
"""By how much fractions may differ: processors add up a network's sums in different orders."""

PLACES: Final = 4
"""Decimals of a fraction that a network made."""


async def compared(section: str) -> list[Difference]:
    """Where the section is not what it was."""
    before = json.loads(FILE.read_text())[section]
    after = json.loads(_json(await SECTIONS[section]()))
    return list(differences(before, after, tolerance=TOLERANCES.get(section, 0.0), path=section))


async def write() -> None:
    """Run all sections, and expect what they give from now on."""
    found = {section: await run() for section, run in SECTIONS.items()}
    rounded = {name: _rounded(each) if name in TOLERANCES else each for name, each in found.items()}
    FILE.write_text(_json(rounded) + "\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, PLACES)
        case dict():
            return {name: _rounded(each) for name, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
    return value
