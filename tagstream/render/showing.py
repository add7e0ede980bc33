"""What is in a snapshot, a folder or a CSV: counts, and a contact sheet of each label."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
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
from tagstream.render.gallery import Fact, GallerySection, Page, Shot


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
            "negatives": sum(not photo.labels for photo in self.photographs),
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
    labels = tuple(sorted({label for photo in photos for label in photo.labels}))
    if not labels:
        why = f", as {gathered.refused[0].place}: {gathered.refused[0].why}" if gathered.refused else ""
        raise ConfigurationError(f"{source}: no photograph has a label{why}")
    names = {place: each.place for place, each in enumerate(gathered.found)}
    refused = tuple(f"{each.place}: {each.why}" for each in gathered.refused)
    return SourceSummary(source, labels, photos, names, refused)


def page(shown: SourceSummary, *, per_label: int, processes: int | None, tick: Tick) -> Page:
    """A contact sheet: of each label at most `per_label`, always the same ones, and of the negatives."""
    chosen = {label: _sample(shown, label, per_label) for label in (*shown.labels, "")}
    places = sorted({place for sample in chosen.values() for place in sample})
    drawn = asyncio.run(_drawn([shown.photographs[place] for place in places], processes, tick))
    pictures = dict(zip(places, drawn, strict=True))
    sections = [
        _section(shown, label, [_shot(shown, place, pictures[place], under=label) for place in sample])
        for label, sample in chosen.items()
    ]
    return Page(
        title=shown.source.resolve().name,
        lead=_lead(shown),
        facts=_facts(shown),
        sections=[section for section in sections if section.shots],
        warnings=shown.document.warnings if shown.document else shown.refused[:10],
    )


def _sample(shown: SourceSummary, label: str, most: int) -> list[int]:
    having = [
        place
        for place, photo in enumerate(shown.photographs)
        if (label in photo.labels if label else not photo.labels)
    ]
    drawn = sorted(having, key=lambda place: sha256(shown.names[place].encode(errors="replace")).digest())
    return sorted(drawn[:most], key=lambda place: shown.names[place])


async def _drawn(photos: Sequence[Photograph], processes: int | None, tick: Tick) -> list[str | None]:
    count = import_data.processes(processes)
    async with import_data.decoders(thumbnail.PREPROCESS, count) as pool:
        pictures = [photo.path for photo in photos]
        return await thumbnail.decoded(pictures, by=pool, at_once=count * import_data.LOADED, tick=tick)


def _shot(shown: SourceSummary, place: int, picture: str | None, *, under: str) -> Shot:
    photo = shown.photographs[place]
    side = (photo.split.value,) if photo.split else ()
    others = tuple(f"also {label}" for label in photo.labels if label != under)
    return Shot(shown.names[place], picture, side + others)


def _section(shown: SourceSummary, label: str, shots: Sequence[Shot]) -> GallerySection:
    counted = {split: _count(each, label) for split, each in shown.splits.items()}
    every = sum(counted.values())
    sides = ", ".join(f"{split} {count:,}" for split, count in counted.items() if count and split)
    here = f"{len(shots):,} of {every:,}" if len(shots) < every else f"{every:,}"
    return GallerySection(
        label or "none of them", f"{here} photographs{': ' + sides if sides else ''}", tuple(shots)
    )


def _count(counts: Counts, label: str) -> int:
    return counts.labels.get(label, 0) if label else counts.negatives


def _lead(shown: SourceSummary) -> str:
    uneven = shown.imbalance
    said = f"{uneven.ratio:g} photographs of {uneven.most} for one of {uneven.fewest}; {uneven.handled}."
    if shown.document is None:
        return said
    near = shown.document.near_duplicates
    digest = shown.document.digest[:12]
    return f"Digest {digest}. {said} Near duplicates: {len(near.groups)} groups, each on one side."


def _facts(shown: SourceSummary) -> tuple[Fact, ...]:
    sides = (Fact(split or "undivided", f"{each.pictures:,}") for split, each in shown.splits.items())
    return (
        Fact("photographs", f"{len(shown.photographs):,}"),
        Fact("labels", f"{len(shown.labels):,}"),
        *sides,
        Fact("sources", f"{len([source for source in shown.sources if source]):,}"),
    )
