"""The contact sheet of `tagstream data show`: a sample of each label."""

from __future__ import annotations

from collections.abc import Mapping

from model.data.document import Counts
from operations.data_summary import DataSample, LabelSample, SourceSummary
from tagstream.render.gallery import Fact, GallerySection, Page, Shot


def page(shown: SourceSummary, sample: DataSample) -> Page:
    """A section for each label that has photographs, one for its maybes, and one for the negatives."""
    sections = [_section(shown, each, sample.pictures) for each in sample.labels]
    return Page(
        title=shown.source.resolve().name,
        lead=_lead(shown),
        facts=_facts(shown),
        sections=[section for section in sections if section.shots],
        warnings=shown.document.warnings if shown.document else shown.refused[:10],
    )


def _section(shown: SourceSummary, of: LabelSample, pictures: Mapping[int, str | None]) -> GallerySection:
    shots = [_shot(shown, place, pictures[place], under=of.label) for place in of.places]
    counted = {split: _count(each, of) for split, each in shown.splits.items()}
    every = sum(counted.values())
    sides = ", ".join(f"{split} {count:,}" for split, count in counted.items() if count and split)
    here = f"{len(shots):,} of {every:,}" if len(shots) < every else f"{every:,}"
    title = f"{of.label}, maybe" if of.is_doubted else of.label or "none of them"
    return GallerySection(title, f"{here} photographs{': ' + sides if sides else ''}", tuple(shots))


def _shot(shown: SourceSummary, place: int, picture: str | None, *, under: str) -> Shot:
    photo = shown.photographs[place]
    side = (photo.split.value,) if photo.split else ()
    others = tuple(f"also {label}" for label in photo.labels if label != under)
    doubted = tuple(f"maybe {label}" for label in photo.maybe if label != under)
    return Shot(shown.names[place], picture, side + others + doubted)


def _count(counts: Counts, of: LabelSample) -> int:
    if of.is_doubted:
        return counts.maybe.get(of.label, 0)
    return counts.labels.get(of.label, 0) if of.label else counts.negatives


def _lead(shown: SourceSummary) -> str:
    uneven = shown.imbalance
    lead = f"{uneven.ratio:g} photographs of {uneven.most} for one of {uneven.fewest}; {uneven.handled}."
    if shown.document is None:
        return lead
    near = shown.document.near_duplicates
    digest = shown.document.digest[:12]
    return f"Digest {digest}. {lead} Near duplicates: {len(near.groups)} groups, each on one side."


def _facts(shown: SourceSummary) -> tuple[Fact, ...]:
    sides = (Fact(split or "undivided", f"{each.pictures:,}") for split, each in shown.splits.items())
    return (
        Fact("photographs", f"{len(shown.photographs):,}"),
        Fact("labels", f"{len(shown.labels):,}"),
        *sides,
        Fact("sources", f"{len([source for source in shown.sources if source]):,}"),
    )
