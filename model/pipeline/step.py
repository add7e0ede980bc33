"""Pipeline step with content-addressed output: what it depends on, where its product lies, its marker.

    WORK/train-1a2b3c4d5e6f/
        restaurant-v3/   its product
        done.json        written last: what came of it; without it the step is not finished

The folder is named after all that the product depends on: the step's parameters, and what the steps
before it came out as. Other parameters are another folder; a step done again that comes out as it did
before leaves those behind it as they are. A folder that nobody needs may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from model.atomic_folders import kept_room, write

FORMAT: Final = 1
"""Of the folders: steps that another release has finished are done again."""
MARKER: Final = "done.json"
DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Made:
    """What a step's work came to."""

    digest: str
    """Of what the steps behind it go by."""
    products: tuple[Path, ...] = ()
    """Files and folders in the step's folder without which it is not finished."""
    about: Mapping[str, JsonValue] = field(default_factory=dict)
    """For people, for `--json`, and for the steps behind it."""


Work = Callable[[Path], Made]
"""Does the work in the folder it is given, where an earlier try may have left something."""


class DoneMarker(BaseModel):
    """The marker of a finished step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    parameters: dict[str, JsonValue]
    after: dict[str, str]
    """The digests of the steps before it."""
    digest: str
    products: tuple[str, ...]
    """Paths in the folder."""
    about: dict[str, JsonValue]
    seconds: float
    """Of the wall, in the try that finished it."""
    cpu_seconds: float
    """Of the processor, all threads together."""
    resumed: bool
    """Whether an earlier try was broken off, whose time is not in `seconds`."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step and those before it."""

    name: str
    root: Path
    """The folder of the whole pipeline."""
    parameters: Mapping[str, JsonValue]
    """All that its product depends on, but for what the steps before it made."""
    work: Work
    needs: tuple[Step, ...] = ()
    summary: str = ""
    """A few words for people: what of the parameters they would tell it by."""

    @property
    def folder(self) -> Path | None:
        """Where it works; None while a step before it is not finished."""
        after = self._after()
        return None if after is None else self.root / f"{self.name}-{self._key(after)}"

    def done(self) -> DoneMarker | None:
        """What came of it, where it and all before it are finished and their products are there."""
        folder = self.folder
        if folder is None or (found := _marker(folder)) is None:
            return None
        return found if all((folder / product).exists() for product in found.products) else None

    def product(self, number: int = 0) -> Path:
        """A product of the finished step. Raises `RuntimeError` where it is not finished."""
        found, folder = self.done(), self.folder
        if found is None or folder is None:
            raise RuntimeError(f"the step {self.name} is not finished")
        return folder / found.products[number]

    def run(self) -> DoneMarker:
        """Do it, unless it is finished. Raises what its work does, and `ConfigurationError` for no room."""
        after, folder = self._after(), self.folder
        if after is None or folder is None:
            raise RuntimeError(f"a step before {self.name} is not finished")
        if found := self.done():
            return found
        with kept_room(folder, what=f"the step {self.name}"):
            resumed = _prepared(folder)
        began, used = time.monotonic(), time.process_time()
        made = self.work(folder)
        done = DoneMarker(
            step=self.name,
            parameters=dict(self.parameters),
            after=after,
            digest=made.digest,
            products=tuple(path.relative_to(folder).as_posix() for path in made.products),
            about=dict(made.about),
            seconds=time.monotonic() - began,
            cpu_seconds=time.process_time() - used,
            resumed=resumed,
        )
        with kept_room(folder, what=f"the step {self.name}"):
            write(folder / MARKER, done.model_dump_json(indent=1).encode())
        return done

    def forget(self) -> None:
        """Remove what it made, so that it is done again; those behind it only if it comes out otherwise."""
        if (folder := self.folder) is not None and folder.exists():
            (folder / MARKER).unlink(missing_ok=True)
            shutil.rmtree(folder)

    def chain(self) -> tuple[Step, ...]:
        """All steps up to this one, in order."""
        before: dict[Step, None] = {}
        for need in self.needs:
            before.update(dict.fromkeys(need.chain()))
        return (*before, self)

    def _after(self) -> dict[str, str] | None:
        found = {need.name: need.done() for need in self.needs}
        digests = {name: done.digest for name, done in found.items() if done is not None}
        return digests if len(digests) == len(found) else None

    def _key(self, after: Mapping[str, str]) -> str:
        return digest([FORMAT, self.name, dict(self.parameters), dict(after)])[:DIGITS]


def digest(of: JsonValue) -> str:
    """sha256 of the document, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()


def _marker(folder: Path) -> DoneMarker | None:
    try:
        return DoneMarker.model_validate_json((folder / MARKER).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def _prepared(folder: Path) -> bool:
    """The folder is there; True where an unfinished try has left something in it.

    What a finished step left, of which something is gone since, is cleared away.
    """
    if (folder / MARKER).exists():
        (folder / MARKER).unlink()
        shutil.rmtree(folder)
    resumed = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    return resumed
