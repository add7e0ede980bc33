"""Classifies local files with a model version, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agents.ports import Tagger
from agents.wiring import model_source
from agents.wiring.settings import Settings
from model import checkpoint
from operations import photographs
from operations.bounded_tasks import as_done
from operations.passed_over import PassedOver
from schemas.errors import ConfigurationError, Rejected
from schemas.tags import Verdict


@dataclass(frozen=True, slots=True)
class Classified:
    """What the model says of one file."""

    path: Path
    top: str
    verdict: Verdict

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        tags = self.verdict.tags
        return {
            "path": str(self.path),
            "tags": [tag.model_dump(include={"label", "probability", "tagged"}) for tag in tags],
            "top": self.top,
            "routes": list(dict.fromkeys(route.topic for route in self.verdict.routes)),
            "model_version": self.verdict.model.version,
        }


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that cannot be classified, and why."""

    path: Path
    code: str
    message: str

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        return {"path": str(self.path), "error": {"code": self.code, "message": self.message}}


MANY: Final = 64
"""Files from which on the network runs on every core."""

Answer = Classified | RefusedFile

Tell = Callable[[Answer, int], None]
"""Takes an answer, and how many there will be."""

TellPassed = Callable[[PassedOver], None]


def _silent(_passed: PassedOver) -> None:
    """Tell nobody."""


def configured(settings: Settings, model: Path | None) -> Settings:
    """The settings with that model; raises `ConfigurationError` at once where there is none."""
    folder = model or model_source.folder_here(settings)
    checkpoint.read_manifest(folder)  # before torch is imported, which takes its time
    chosen = settings.model.model_copy(update={"folder": folder, "ref": None})
    return settings.model_copy(update={"model": chosen})


async def classify(
    paths: Iterable[Path], settings: Settings, *, tell: Tell, tell_passed: TellPassed = _silent
) -> int:
    """Tell the answer for each photograph, in no order, and first what is passed over; how many failed."""
    passed: list[PassedOver] = []
    files = list(found(paths, passed))
    for each in filter(None, passed):
        tell_passed(each)
    if not files:
        raise ConfigurationError("no photographs there; name a file to have it tried whatever it is called")
    from agents.wiring import tagging  # noqa: PLC0415 - torch takes its time: wrong paths are said at once

    failed = 0
    async with await tagging.load_tagger(_for(len(files), settings), warm=False) as tagger:
        classifier = PhotoClassifier(
            tagger,
            at_once=settings.window.concurrency,
            loading=2 * settings.decode.processes,
            max_bytes=settings.s3.max_object_bytes,
        )
        async with aclosing(classifier.look(files)) as answers:
            async for answer in answers:
                tell(answer, len(files))
                failed += isinstance(answer, RefusedFile)
    return failed


def _for(count: int, settings: Settings) -> Settings:
    """One thread for a few files, where nothing else is set: more of them cost more than they bring."""
    if count >= MANY or settings.model.threads is not None:
        return settings
    return settings.model_copy(update={"model": settings.model.model_copy(update={"threads": 1})})


def found(paths: Iterable[Path], passed: list[PassedOver]) -> Iterator[Path]:
    """The files to look at: every file that is named, and the photographs in every folder that is.

    `passed` gets what is passed over, for each folder.
    """
    for path in paths:
        if path.is_dir():
            passed.append(PassedOver(path))
            yield from photographs.below(path, passed[-1])
        else:
            yield path


class PhotoClassifier:
    """Looks at files: at most `at_once` together, `loading` of them with their bytes in memory."""

    def __init__(self, tagger: Tagger, *, at_once: int, loading: int, max_bytes: int) -> None:
        self._tagger = tagger
        self._at_once = at_once
        self._loading = asyncio.Semaphore(loading)
        self._max_bytes = max_bytes

    def look(self, paths: Iterable[Path]) -> AsyncGenerator[Answer, None]:
        """An answer for each of `paths`, as each is done. Close it: it owns the tasks that it started."""
        return as_done(paths, self._answer, at_once=self._at_once)

    async def _answer(self, path: Path) -> Answer:
        """What the model says, or why it cannot; what is no `Rejected` is the machine's fault and leaves."""
        try:
            scores = (await self._tagger.score(await self._pixels(path))).scores
        except Rejected as error:
            return RefusedFile(path, error.code, str(error))
        return Classified(path, scores.top, self._tagger.decide(scores, None))

    async def _pixels(self, path: Path) -> Any:  # noqa: ANN401 - pixels belong to the model
        async with self._loading:
            data = await asyncio.to_thread(photographs.read, path, max_bytes=self._max_bytes)
            return await self._tagger.decode(data)
