"""What the packaged model says of the samples, as the README shows it: measured, so it may differ a little.

    <!-- measured: samples -->
    (the table that `table(lines())` makes)
    <!-- end -->

Another processor rounds otherwise: what is shown counts as true while no probability is off by more than
`TOLERANCE` and every photograph goes where it says.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from model.checkpoint import PACKAGED, read_manifest
from model.policy import Policy
from model.serving.classifier import Classifier
from schemas import topics
from schemas.errors import Undecodable
from schemas.tags import Route
from tagstream.demo import photos

SHOWN: Final = (
    "armchair.jpg",
    "astronaut.jpg",
    "cat.webp",
    "coffee.jpg",
    "grace-hopper.jpg",
    "menu-trattoria.jpg",
    "armchair-cut-in-half.jpg",
    "never-uploaded.jpg",
)
"""One of each ending; the demo has more photographs."""

TOLERANCE: Final = 0.02
"""Of a probability."""

_MARKED: Final = re.compile(r"<!-- measured: samples -->\n(?P<text>.*?)<!-- end -->", re.DOTALL)
_HEADS: Final = ("Photograph", "Where it went")


class Line(NamedTuple):
    """What became of one photograph."""

    name: str
    probabilities: Mapping[str, float]
    """By label; empty for a dead letter."""
    where: str

    def is_close(self, other: Line) -> bool:
        """Whether both say the same, as far as another processor would."""
        if (self.name, self.where) != (other.name, other.where):
            return False
        if self.probabilities.keys() != other.probabilities.keys():
            return False
        pairs = ((value, other.probabilities[label]) for label, value in self.probabilities.items())
        return all(abs(one - another) <= TOLERANCE for one, another in pairs)


def lines() -> tuple[Line, ...]:
    """What the packaged model says of what is shown, and where it goes."""
    manifest = read_manifest(PACKAGED)
    classifier = Classifier.load(PACKAGED, device="cpu")
    policy, preprocess = Policy.of(manifest), manifest.input.preprocess()
    said = []
    with tempfile.TemporaryDirectory() as made:
        found = {photo.name: photo for photo in photos.samples(Path(made))}
        for photo in map(found.__getitem__, SHOWN):
            if photo.path is None:
                said.append(Line(photo.name, {}, "dead letter: gone"))
                continue
            try:
                (scores,) = classifier.forward([preprocess.decode(photo.path.read_bytes())])
            except Undecodable as error:
                said.append(Line(photo.name, {}, f"dead letter: {error.code}"))
                continue
            places = [_place(route, photo.restaurant_id) for route in policy.decide(scores).routes]
            said.append(Line(photo.name, scores.probabilities, ", ".join(places) or "tags only"))
    return tuple(said)


def table(shown: Sequence[Line]) -> str:
    """The lines as the demo prints them, in a fence."""
    labels = tuple(next(each.probabilities for each in shown if each.probabilities))
    first = max(len(each.name) for each in shown)
    heads = f"{_HEADS[0]:{first}}  {'  '.join(labels)}  {_HEADS[1]}"
    rows = (f"{each.name:{first}}  {_cells(each, labels)}  {each.where}" for each in shown)
    return "\n".join(("```text", heads, *rows, "```"))


def read(page: str) -> tuple[Line, ...]:
    """The lines that a page shows. Raises `LookupError` where it shows none."""
    found = _MARKED.search(page)
    if found is None:
        raise LookupError("the page has no part <!-- measured: samples -->")
    heads, *rows = [line for line in found["text"].splitlines() if line and not line.startswith("```")] or [
        ""
    ]
    labels = heads.removeprefix(_HEADS[0]).removesuffix(_HEADS[1]).split()
    return tuple(_read(row, labels) for row in rows)


def renewed(page: str, now: Sequence[Line]) -> str:
    """The page with its table as it is `now`; as it is where that says the same."""
    shown = read(page)
    if len(shown) == len(now) and all(map(Line.is_close, shown, now)):
        return page
    return _MARKED.sub(lambda _: f"<!-- measured: samples -->\n{table(now)}\n<!-- end -->", page)


def _read(row: str, labels: Sequence[str]) -> Line:
    name, rest = row.split(maxsplit=1)
    if rest.startswith("dead letter"):
        return Line(name, {}, rest)
    *figures, where = rest.split(maxsplit=len(labels))
    return Line(name, dict(zip(labels, map(float, figures), strict=True)), where)


def _cells(line: Line, labels: Sequence[str]) -> str:
    figures = (f"{line.probabilities[label]:.2f}" if line.probabilities else "" for label in labels)
    return "  ".join(f"{each:>{len(label)}}" for each, label in zip(figures, labels, strict=True))


def _place(route: Route, restaurant: str | None) -> str:
    if route.topic == topics.MODERATION:
        return f"moderation ({route.label})"
    return f"ambiance collection ({restaurant})"
