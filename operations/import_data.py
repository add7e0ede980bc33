"""Imports photographs: from sources to a snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from model import atomic_folders
from model.data import assembly, inspecting, snapshot, sources
from model.data.columns import REMOTE
from model.data.document import Document
from model.data.entries import Entries, Refusal
from model.data.inspecting import PREPROCESS, Seen
from model.data.plan import SnapshotPlan
from model.data.progress import Tick
from model.data.reading import Reading
from model.decoding.limits import DecoderLimits
from model.decoding.pool import DecoderPool
from model.preprocess import Preprocess
from schemas import processors
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from agents.wiring.settings import Settings

LOADED: Final = 3
"""Photographs in memory for each decoder, so that none waits for its next."""

DIVIDING: Final = "finding near duplicates, dividing"


def processes(wanted: int | None) -> int:
    """As many as were asked for, else one a core that this process may use."""
    return wanted or processors.usable()


def decoders(preprocess: Preprocess, wanted: int | None) -> DecoderPool:
    """The pool, not yet entered."""
    return DecoderPool(preprocess, DecoderLimits(processes=processes(wanted)))


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is to be imported, and how."""

    sources: tuple[str, ...]
    output: Path
    negatives: tuple[str, ...] = ()
    decisions: bool = False
    accept_unreviewed: bool = False
    processes: int | None = None
    wanted: SnapshotPlan = SnapshotPlan()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Imported:
    """The snapshot, and whether the same was there before."""

    folder: Path
    about: Document
    existed: bool

    def as_json(self) -> dict[str, Any]:
        """The document of `--json`."""
        about = self.about.model_dump(mode="json")
        return {"folder": str(self.folder), "existed": self.existed, **about}


def run(request: ImportRequest, settings: Settings, *, tick: Tick) -> Imported:
    """Make the snapshot. Raises `ConfigurationError`, `Unavailable`, and `Broken` where no decoder starts."""
    if not request.sources and not request.decisions:
        raise ConfigurationError("nothing to import: name a SOURCE, or --decisions")
    with atomic_folders.atomic_folder(request.output) as within:
        fetched = within / "fetched"
        fetched.mkdir()
        labels, answers = asyncio.run(_look(request, settings, into=fetched, tick=tick))
        tick(DIVIDING, 0, 1)
        assembled = assembly.assemble(answers, request.wanted, labels=labels)
        tick(DIVIDING, 1, 1)
        made = assembly.write(assembled, request.wanted, within=within, tick=tick)
        folder, existed = assembly.keep(made, output=request.output)
    return Imported(folder, snapshot.describe(folder), existed)


async def _look(
    request: ImportRequest, settings: Settings, *, into: Path, tick: Tick
) -> tuple[frozenset[str], Sequence[Seen | Refusal]]:
    """All labels that the sources name, and what became of every photograph."""
    gathered = await _gather(request, settings, into=into, tick=tick)
    photos = [each.photograph for each in gathered.found]
    labels = frozenset(label for photo in photos for label in (*photo.labels, *photo.maybe))
    count = processes(request.processes)
    async with decoders(PREPROCESS, count) as pool:
        seen = await inspecting.inspect(
            gathered.found,
            by=pool,
            at_once=count * LOADED,
            smallest=request.wanted.smallest,
            tick=tick,
        )
    return labels, [*gathered.refused, *seen]


async def _gather(request: ImportRequest, settings: Settings, *, into: Path, tick: Tick) -> Entries:
    several = len(request.sources) + len(request.negatives) > 1
    wanted = request.wanted
    how = Reading(wanted.leave_out, request.accept_unreviewed, resplit=wanted.resplit)
    every = Entries()
    readers = [(source, sources.gather) for source in request.sources]
    readers += [(source, sources.gather_negatives) for source in request.negatives]
    for source, read in readers:
        path, reading = await _here(source, how, settings, into=into, tick=tick)
        found = read(path, reading)
        every = every.joined(_below(source, found) if several else found)
    if request.decisions:
        from operations import decision_dataset  # noqa: PLC0415 - it imports the broker's client

        decided = await decision_dataset.gather(settings, into=into, tick=tick)
        every = decided_beside(every, decided)
    return every


def decided_beside(others: Entries, decided: Entries) -> Entries:
    """Both; what moderators had no word on is a maybe only of labels that hold somewhere.

    A model's label that none of the photographs has is no label of the snapshot, and nobody's mistake.
    """
    every = others.joined(decided)
    held = {label for each in every.found for label in each.photograph.labels}
    return others.joined(decided.doubting(held))


async def _here(
    source: str, how: Reading, settings: Settings, *, into: Path, tick: Tick
) -> tuple[Path, Reading]:
    """The source as a file or folder of this machine, with all files that a CSV names elsewhere."""
    path = Path(source)
    is_remote = source.startswith(REMOTE)
    if not is_remote and not _names_addresses(path):
        return path, how
    from operations import bulk_fetch  # noqa: PLC0415 - it imports the storage's client

    async with bulk_fetch.storage(settings) as images:
        base = ""
        if is_remote:
            brought = await bulk_fetch.fetch(images, bulk_fetch.location(source))
            path = bulk_fetch.keep(brought.data, source, into=into)
            base = source.rpartition("/")[0] + "/"
        every = await bulk_fetch.bring(images, sources.addresses(path, base=base), into=into, tick=tick)
    return path, replace(how, base=base, fetched=every.files, unfetched=every.refused)


def _names_addresses(path: Path) -> bool:
    """Whether it is a table of which some photographs lie in object storage."""
    return path.is_file() and bool(sources.addresses(path))


def _below(source: str, gathered: Entries) -> Entries:
    """Of several sources each thing's place begins with the source's name."""
    name = source.rstrip("/").rpartition("/")[2]
    return Entries(
        tuple(replace(each, place=_under(name, each.place)) for each in gathered.found),
        tuple(replace(each, place=_under(name, each.place)) for each in gathered.refused),
    )


def _under(name: str, place: str) -> str:
    return place if place.startswith(REMOTE) else f"{name}/{place}"
