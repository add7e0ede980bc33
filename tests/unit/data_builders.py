"""Drawn photographs, and what readers and the inspection make of them, for the tests of datasets."""

from __future__ import annotations

import asyncio
import random
import tarfile
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from model.atomic_folders import atomic_folder
from model.data import assembly, inspecting, snapshot, sources
from model.data.document import Document
from model.data.entries import Entries, Entry, Refusal
from model.data.inspecting import PREPROCESS, Seen
from model.data.near_duplicates import Fingerprint
from model.data.photograph import Photograph, Split
from model.data.plan import SnapshotPlan
from model.data.reading import Reading
from model.decoding.threads import DecodingThreads
from schemas.errors import ConfigurationError


def drawn(seed: object, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """Soft blots of colour, other ones for another seed."""
    cells = random.Random(str(seed)).randbytes(6 * 6 * 3)
    return Image.frombytes("RGB", (6, 6), cells).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(seed: object, size: tuple[int, int] = (96, 72)) -> bytes:
    return encoded(drawn(seed, size), quality=90)


def put(file: Path, data: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def folder(place: Path, *labels: str, each: int = 6) -> Path:
    """`each` drawn photographs for every label."""
    for label in labels:
        for number in range(each):
            put(place / label / f"{number}.jpg", picture((label, number)))
    return place


def csv(file: Path, head: str, *rows: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return file


def tar(file: Path, **members: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as opened:
        for name, data in members.items():
            about = tarfile.TarInfo(name.replace("__", "."))
            about.size = len(data)
            opened.addfile(about, BytesIO(data))
    return file


def inspect(found: Sequence[Entry], *, smallest: int = 64) -> list[Seen | Refusal]:
    async def look() -> list[Seen | Refusal]:
        async with DecodingThreads(PREPROCESS, 2) as threads:
            return await inspecting.inspect(found, by=threads, at_once=4, smallest=smallest)

    return asyncio.run(look())


def imported(
    source: Path, output: Path, wanted: SnapshotPlan | None = None, *, negatives: Path | None = None
) -> tuple[Path, bool]:
    """The snapshot of `source`, as the command makes it but for the processes that decode."""
    wanted = wanted or SnapshotPlan()
    gathered = sources.gather(source, Reading(wanted.leave_out, resplit=wanted.resplit))
    if negatives:
        gathered = gathered.joined(sources.gather_negatives(negatives))
    photos = [each.photograph for each in gathered.found]
    labels = {label for photo in photos for label in (*photo.labels, *photo.maybe)}
    seen = inspect(gathered.found, smallest=wanted.smallest)
    with atomic_folder(output) as within:
        made = assembly.assemble([*gathered.refused, *seen], wanted, labels=labels)
        return assembly.keep(assembly.write(made, wanted, within=within), output=output)


def about(made: tuple[Path, bool]) -> Document:
    return snapshot.describe(made[0])


def photo(
    name: str, *labels: str, split: str = "", source: str = "", maybe: tuple[str, ...] = ()
) -> Photograph:
    return Photograph(Path(name), labels, Split(split), source, maybe)


def seen(place: str, digest: str, photograph: Photograph, *, by_person: bool = False) -> Seen:
    """A photograph as the inspection would give it, of those bytes."""
    return Seen(Entry(photograph, place, by_person), digest, 1, 96, 72, ".jpg", Fingerprint(0, 0))


def causes(refused: Iterable[Refusal]) -> list[tuple[str, str]]:
    return [(each.place, each.cause.value) for each in refused]


def blank(place: Path, *names: str) -> Path:
    """Files of these names, for what decodes none."""
    for name in names:
        put(place / name, b"x")
    return place


def judged(gathered: Entries) -> list[tuple[str, tuple[str, ...], tuple[str, ...], str]]:
    """Of each photograph its place, what holds, what may, and its split."""
    photos = [(each.place, each.photograph) for each in gathered.found]
    return [(place, photo.labels, photo.maybe, photo.split.value) for place, photo in photos]


def refusal(source: Path, how: Reading | None = None) -> str:
    """Why the source is none."""
    with pytest.raises(ConfigurationError) as caught:
        sources.gather(source, how or Reading())
    return str(caught.value)
