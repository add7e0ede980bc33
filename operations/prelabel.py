"""Prelabels photographs: a model's tags over unlabelled ones, as a review batch for a person to correct."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from model import atomic_folders, thumbnail
from model.data import inspecting, review, sources
from model.data.entries import Entries, Entry
from model.data.label_folders import REVIEW
from model.data.progress import Tick
from model.data.review import Proposal
from model.decoding.pool import DecoderPool
from model.preprocess import Fit, Pixels
from model.serving.classifier import Classifier
from operations import import_data
from schemas.errors import ConfigurationError, Rejected
from schemas.tags import Scores

BATCH: Final = 32
"""Photographs of a forward."""

SHEET: Final = "review.html"


@dataclass(frozen=True, slots=True)
class PrelabelRequest:
    """What is to be proposed on, by whom, and where the batch goes."""

    source: Path
    output: Path
    model: Path
    most: int
    """Photographs on the contact sheet; the CSV has all."""
    processes: int | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class ReviewBatch:
    """What was written."""

    folder: Path
    model: str
    proposals: tuple[Proposal, ...]
    unreadable: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The document of `--json`."""
        return {
            "folder": str(self.folder),
            "model": self.model,
            "photographs": len(self.proposals),
            "suggested": self.suggested,
            "maybe": self.maybe,
            "measure": review.MEASURE,
            "unreadable": list(self.unreadable),
        }

    @property
    def suggested(self) -> dict[str, int]:
        """Photographs by suggested label; those without one, and without a maybe, under the empty name."""
        counts = Counter(
            label for each in self.proposals for label in each.suggested or (() if each.maybe else ("",))
        )
        return dict(sorted(counts.items()))

    @property
    def maybe(self) -> dict[str, int]:
        """Photographs by the labels that are near their thresholds."""
        return dict(sorted(Counter(label for each in self.proposals for label in each.maybe).items()))


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """What the batch's page is drawn of."""

    model: str
    proposals: tuple[Proposal, ...]
    """The least sure first."""
    pictures: Mapping[str, str]
    """A data: URI by a proposal's place."""
    thresholds: Mapping[str, float]
    photographs: int
    """In the whole batch."""


Draw = Callable[[ContactSheet], str]
"""Makes an HTML page of a sheet."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """One photograph in pixels, and small for the sheet."""

    found: Entry
    pixels: Pixels
    picture: str


@dataclass(frozen=True, slots=True)
class _Scored:
    """All that can be read, with its scores."""

    classifier: Classifier
    looked: list[tuple[_Looked, Scores]]
    unreadable: list[str]

    @property
    def proposals(self) -> list[Proposal]:
        """The least sure first."""
        manifest = self.classifier.manifest
        return review.least_sure_first(
            [
                review.propose(
                    cast("Path", each.found.photograph.path), each.found.place, scores.probabilities, manifest
                )
                for each, scores in self.looked
            ]
        )


def run(request: PrelabelRequest, *, draw: Draw, tick: Tick) -> ReviewBatch:
    """Write the batch; `draw` makes its page.

    Raises `ConfigurationError` where its folder is there already, and where no photograph can be read.
    """
    if request.output.exists():
        raise ConfigurationError(f"{request.output} is there already; name another folder with --output")
    gathered = sources.unlabelled(request.source)
    with atomic_folders.atomic_folder(request.output.absolute().parent) as within:
        scored = asyncio.run(_score(request, gathered, tick))
        if not scored.looked:
            why = "; ".join(scored.unreadable[:3])
            raise ConfigurationError(f"{request.source}: no photograph can be read; {why}")
        proposals = scored.proposals
        sheet = _sheet(proposals, scored, most=request.most)
        _write(within / "batch", proposals, scored, request)
        (within / "batch" / SHEET).write_text(draw(sheet), encoding="utf-8")
        if not atomic_folders.place_folder(within / "batch", request.output):
            raise ConfigurationError(f"{request.output} was made meanwhile; name another folder")
    return ReviewBatch(request.output, _named(scored.classifier), tuple(proposals), tuple(scored.unreadable))


def _write(folder: Path, proposals: Sequence[Proposal], scored: _Scored, request: PrelabelRequest) -> None:
    folder.mkdir()
    # Paths are relative to where the batch will lie, and not to where it is written.
    text = review.as_csv(proposals, scored.classifier.labels, folder=request.output)
    (folder / REVIEW).write_text(text, encoding="utf-8")


def _sheet(proposals: Sequence[Proposal], scored: _Scored, *, most: int) -> ContactSheet:
    return ContactSheet(
        _named(scored.classifier),
        tuple(proposals[:most]),
        {each.found.place: each.picture for each, _ in scored.looked},
        scored.classifier.manifest.thresholds,
        photographs=len(proposals),
    )


async def _score(request: PrelabelRequest, gathered: Entries, tick: Tick) -> _Scored:
    """What the model says of each photograph; the next batch is decoded during a forward."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="device") as device:  # a classifier belongs to one thread
        load = partial(Classifier.load, request.model, threads=request.threads)
        classifier = await loop.run_in_executor(device, load)
        scored = _Scored(classifier, [], [f"{each.place}: {each.why}" for each in gathered.refused])
        async with import_data.decoders(classifier.preprocess, request.processes) as pool:
            batches = _batches(gathered.found)
            ahead = asyncio.create_task(_looked(batches[0], classifier, pool))
            for number in range(len(batches)):
                looked = await ahead
                following = batches[number + 1] if number + 1 < len(batches) else ()
                ahead = asyncio.create_task(_looked(following, classifier, pool))
                seen = [each for each in looked if isinstance(each, _Looked)]
                pixels = [each.pixels for each in seen]
                scores = await loop.run_in_executor(device, classifier.forward, pixels)
                scored.looked.extend(zip(seen, scores, strict=True))
                scored.unreadable.extend(each for each in looked if isinstance(each, str))
                tick("proposing labels", min((number + 1) * BATCH, len(gathered.found)), len(gathered.found))
            await ahead
    return scored


def _batches(found: Sequence[Entry]) -> list[Sequence[Entry]]:
    return [found[start : start + BATCH] for start in range(0, len(found), BATCH)]


async def _looked(found: Sequence[Entry], classifier: Classifier, pool: DecoderPool) -> list[_Looked | str]:
    return list(await asyncio.gather(*(_one(each, classifier, pool) for each in found)))


async def _one(found: Entry, classifier: Classifier, pool: DecoderPool) -> _Looked | str:
    try:
        data = await asyncio.to_thread(inspecting.read, found)
        pixels = await pool.decode(data)
        frame = inspecting.frame(data)
    except (OSError, Rejected) as error:
        return f"{found.place}: {error}"
    is_square = classifier.preprocess.fit is Fit.CROP
    width, height = (1, 1) if is_square else (frame.width, frame.height)
    return _Looked(found, pixels, thumbnail.small(pixels, width=width, height=height))


def _named(classifier: Classifier) -> str:
    return f"{classifier.ref.name}-{classifier.ref.version}"
