"""HTML report of a run: one self-contained file, without JavaScript, in a light and a dark scheme."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from model import templates, thumbnail
from schemas import topics
from schemas.tags import UNCERTAIN
from tagstream import samples
from tagstream.demo.accounting import Tagged
from tagstream.demo.photos import Photo
from tagstream.demo.result import Result

TEMPLATE: Final = "report.html.j2"

MEANINGS: Final[Mapping[str, str]] = {
    topics.UPLOADED: "uploads, as producers publish them",
    topics.TAGGED: "every scored photograph with all its labels",
    topics.LATEST: "the tags that hold now, compacted",
    topics.MODERATION: "what a person should look at",
    topics.AMBIANCE: "the collection on a restaurant's page",
    topics.DEAD_LETTERS: "what can never succeed, with its cause",
}

STAGES: Final[Mapping[str, str]] = {
    "fetch": "from S3",
    "decode": "to pixels, in a thread",
    "queued": "waiting for a batch",
    "forward": "through the network",
    "store": "scores and head",
    "announce": "events, acknowledged",
    "mark": "as announced",
}

_ROW: Final = re.compile(
    r"^\| `(?P<file>[^`]+)` \|[^|]*\| (?P<author>[^|]+) \| (?P<licence>[^|]+) \|", re.MULTILINE
)
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]*\)")


LARGE: Final = (480, 80)
SMALL: Final = (240, 70)
"""Pixels on the longer side of a thumbnail, and JPEG quality: about 30 kB and 8 kB."""

FEW: Final = 60


@dataclass(frozen=True, slots=True)
class TagGroup:
    """The photographs of one tag."""

    label: str
    photographs: tuple[Tagged, ...]
    """The surest first."""


def render(result: Result) -> str:
    """The report; everything that a file's name or an error may hold is escaped."""
    environment = templates.environment(Path(__file__).parent)
    return environment.get_template(TEMPLATE).render(_context(result))


def groups(tagged: Sequence[Tagged], labels: Sequence[str]) -> tuple[TagGroup, ...]:
    """The photographs by tag, in the order of `labels`, then the uncertain; one of two tags is in both."""
    by_label = [TagGroup(label, _surest(tagged, label)) for label in labels]
    untagged = tuple(each for each in tagged if not each.verdict.tagged)
    return tuple(group for group in (*by_label, TagGroup(UNCERTAIN, untagged)) if group.photographs)


def thumbnails(photos: Sequence[Photo]) -> dict[str, str]:
    """A data: URI for each photograph that can be shown, by image_id."""
    side, quality = LARGE if len(photos) <= FEW else SMALL
    made = {
        photo.image_id: thumbnail.opened(photo.path, side, quality=quality, progressive=True)
        for photo in photos
        if photo.path is not None
    }
    return {image_id: uri for image_id, uri in made.items() if uri}


def _surest(tagged: Sequence[Tagged], label: str) -> tuple[Tagged, ...]:
    having = [each for each in tagged if label in each.verdict.tagged]
    return tuple(sorted(having, key=lambda each: -_probability(each, label)))


def _context(result: Result) -> dict[str, Any]:
    tagged = result.account.tagged
    return {
        "result": result,
        "account": result.account,
        "groups": groups(tagged, _by_frequency(tagged, result.manifest.labels)),
        "labels": result.manifest.labels,
        "thumbnails": thumbnails([each.photo for each in tagged]),
        "names": {end.photo.image_id: end.photo.name for end in result.account.ends},
        "meanings": MEANINGS,
        "stages": STAGES,
        "slowest": max(result.pace.stages.values(), default=0.0),
        "credits": _credits(tagged),
        "version": metadata.version("tagstream"),
        "moderation": topics.MODERATION,
        "ambiance": topics.AMBIANCE,
        "uncertain": UNCERTAIN,
    }


def _probability(tagged: Tagged, label: str) -> float:
    return next(tag.probability for tag in tagged.verdict.tags if tag.label == label)


def _by_frequency(tagged: Sequence[Tagged], labels: Sequence[str]) -> list[str]:
    """The labels with the most photographs first."""
    return sorted(labels, key=lambda label: -sum(label in each.verdict.tagged for each in tagged))


def _credits(tagged: Sequence[Tagged]) -> list[dict[str, str]]:
    """Author and licence of each sample photograph in the report, as LICENSES.md has them."""
    folder = Path(samples.__file__).parent
    shown = {each.photo.name for each in tagged if each.photo.path and each.photo.path.parent == folder}
    table = (folder / "LICENSES.md").read_text(encoding="utf-8") if shown else ""
    rows = (row.groupdict() for row in _ROW.finditer(table) if row["file"] in shown)
    return [{name: _LINK.sub(r"\1", text).strip() for name, text in row.items()} for row in rows]
