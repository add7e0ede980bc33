"""Summary of a snapshot, a folder or a CSV: its counts, and a sample of each label."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from model import thumbnail
from model.data import snapshot, snapshot_report, sources
from model.data.document import Counts, Document, Imbalance
from model.data.photograph import Photograph, Split
from model.data.progress import Tick
from operations import import_data
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """All photographs of a source, counted."""

    source: Path
    labels: tuple[str, ...]
    photographs: tuple[Photograph, ...]
    names: Mapping[int, str]
    """By place in `photographs`."""
    refused: tuple[str, ...] = ()
    """A line each: what the source names and has not."""
    document: Document | None = None
    """Of a snapshot."""

    @property
    def splits(self) -> dict[Split, Counts]:
        """The counts of each side."""
        return snapshot_report.by_split(self.photographs)

    @property
    def sources(self) -> dict[str, Counts]:
        """The counts of each source."""
        return snapshot_report.by_source(self.photographs)

    @property
    def imbalance(self) -> Imbalance:
        """Of the labels."""
        return snapshot_report.imbalance(self.labels, self.photographs)

    def as_json(self) -> dict[str, Any]:
        """The document of `--json`."""
        if self.document:
            return {"source": str(self.source), **self.document.model_dump(mode="json")}
        return {
            "source": str(self.source),
            "labels": list(self.labels),
            "pictures": len(self.photographs),
            "negatives": sum(photo.is_none for photo in self.photographs),
            "splits": {split: each.model_dump() for split, each in self.splits.items()},
            "sources": {source: each.model_dump() for source, each in self.sources.items()},
            "imbalance": self.imbalance.model_dump(),
            "refused": list(self.refused),
        }


def read(source: Path) -> SourceSummary:
    """What is there; a snapshot's shards are verified. Raises `ConfigurationError`."""
    if snapshot.is_snapshot(source):
        about = snapshot.describe(source)
        photos = snapshot.photographs(source, about)
        names = {place: photo.path.name for place, photo in enumerate(photos)}
        return SourceSummary(source, about.labels, photos, names, document=about)
    gathered = sources.gather(source)
    photos = tuple(each.photograph for each in gathered.found)
    labels = tuple(sorted({label for photo in photos for label in (*photo.labels, *photo.maybe)}))
    if not labels:
        why = f", as {gathered.refused[0].place}: {gathered.refused[0].why}" if gathered.refused else ""
        raise ConfigurationError(f"{source}: no photograph has a label{why}")
    names = {place: each.place for place, each in enumerate(gathered.found)}
    refused = tuple(f"{each.place}: {each.why}" for each in gathered.refused)
    return SourceSummary(source, labels, photos, names, refused)


@dataclass(frozen=True, slots=True)
class LabelSample:
    """Some photographs of one label, those that may be of it, or those of none."""

    label: str
    """Empty for the negatives."""
    places: tuple[int, ...]
    """In the source's photographs."""
    is_doubted: bool = False
    """Whether these are the maybes of the label."""


@dataclass(frozen=True, slots=True)
class DataSample:
    """Some photographs of each label, small."""

    labels: tuple[LabelSample, ...]
    pictures: Mapping[int, str | None]
    """A data: URI by place; None for what cannot be read."""


def sample(shown: SourceSummary, *, per_label: int, processes: int | None, tick: Tick) -> DataSample:
    """Of each label at most `per_label`, always the same ones, of its maybes, and of the negatives."""
    labels = tuple(
        LabelSample(label, tuple(_drawn_of(shown, having, per_label)), is_doubted)
        for label, is_doubted, having in _samples(shown)
    )
    places = sorted({place for each in labels for place in each.places})
    drawn = asyncio.run(_drawn([shown.photographs[place] for place in places], processes, tick))
    return DataSample(labels, dict(zip(places, drawn, strict=True)))


def _samples(shown: SourceSummary) -> Iterator[tuple[str, bool, list[int]]]:
    """Each label, whether it is in doubt, and the places of what stands under it so."""
    every = tuple(enumerate(shown.photographs))
    for label in shown.labels:
        yield label, False, [place for place, photo in every if label in photo.labels]
        yield label, True, [place for place, photo in every if label in photo.maybe]
    yield "", False, [place for place, photo in every if photo.is_none]


def _drawn_of(shown: SourceSummary, having: Sequence[int], most: int) -> list[int]:
    drawn = sorted(having, key=lambda place: sha256(shown.names[place].encode(errors="replace")).digest())
    return sorted(drawn[:most], key=lambda place: shown.names[place])


async def _drawn(photos: Sequence[Photograph], processes: int | None, tick: Tick) -> list[str | None]:
    count = import_data.processes(processes)
    async with import_data.decoders(thumbnail.PREPROCESS, count) as pool:
        pictures = [photo.path for photo in photos]
        return await thumbnail.decoded(pictures, by=pool, at_once=count * import_data.LOADED, tick=tick)
