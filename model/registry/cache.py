"""Content-addressed cache of versions on this machine; each is verified in full before each use.

    versions/DIGEST/...     a version's folder
    resolved/DIGEST.json    what a ref of a registry stood for when it was last asked

Several workers share one cache: a folder comes to be by one rename, whole. Anything may be deleted at any
time; what is asked for is fetched again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from model import checkpoint
from model.atomic_folders import building, sweep, write_synced
from model.cache_home import cache_home
from model.checkpoint import MANIFEST, sha256
from model.manifest import Digest
from model.registry.contents import Contents
from schemas.errors import ConfigurationError

log = structlog.get_logger(__name__)

STALE_SECONDS: Final = 24 * 60 * 60
"""What was begun so long ago, somebody died over."""


def default_root() -> Path:
    """`models` in `cache_home`."""
    return cache_home() / "models"


class Resolved(BaseModel):
    """What a ref stood for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str
    digest: Digest


class Cache:
    """The versions below `root`. It blocks; any thread, any number of processes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, digest: str) -> Path | None:
        """The folder of that version, every byte verified; None where it is not here. A damaged one goes."""
        folder = self._folder(digest)
        if not folder.is_dir():
            return None
        try:
            checkpoint.read(folder)
            if sha256((folder / MANIFEST).read_bytes()) == digest:
                return folder
            damage = f"{folder / MANIFEST}: damaged or replaced"
        except ConfigurationError as error:
            damage = str(error)
        log.warning("cache.damaged", why=damage)
        with self._errors_of_ours():
            self._discard(folder)
        return None

    def keep(self, contents: Contents) -> Path:
        """Write the version, whole or not at all; its folder. Raises `ConfigurationError`."""
        folder = self._folder(contents.digest)
        with self._errors_of_ours(), self._building() as made:
            for path, data in contents.files.items():
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                write_synced(made / path, data)
            checkpoint.read(made)  # what is no safetensors file never gets a name
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _only_once(folder):
                made.rename(folder)
        return folder

    def remember(self, ref: str, resolved: Resolved) -> None:
        """Keep what `ref`, a registry's address and a name in it, stands for now."""
        with self._errors_of_ours(), self._building() as made:
            write_synced(made / "resolved", resolved.model_dump_json().encode())
            target = self._memory(ref)
            target.parent.mkdir(parents=True, exist_ok=True)
            (made / "resolved").replace(target)

    def recall(self, ref: str) -> Resolved | None:
        """What `ref` stood for when it was last asked here; None where it never was."""
        try:
            return Resolved.model_validate_json(self._memory(ref).read_bytes())
        except (OSError, ValidationError):
            return None

    def _folder(self, digest: str) -> Path:
        return self._root / "versions" / digest

    def _memory(self, ref: str) -> Path:
        return self._root / "resolved" / f"{sha256(ref.encode())}.json"

    @contextmanager
    def _building(self) -> Iterator[Path]:
        """A folder of our own beside; what is left of it goes, and what others died over long ago."""
        incoming = self._root / "incoming"
        sweep(incoming, prefix="", after=STALE_SECONDS)
        with building(incoming, prefix="") as made:
            yield made

    def _discard(self, folder: Path) -> None:
        with self._building() as made, suppress(FileNotFoundError):
            folder.rename(made / "damaged")

    @contextmanager
    def _errors_of_ours(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"TAGSTREAM_REGISTRY__CACHE: {self._root} cannot be written ({error.strerror or error}); "
                "free some space there, or name another folder"
            ) from error


@contextmanager
def _only_once(folder: Path) -> Iterator[None]:
    """Of several workers that give one folder its name one comes first; the others' bytes are the same."""
    try:
        yield
    except OSError:
        if not folder.is_dir():
            raise
