"""Photograph files: those below a folder, and their bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from model.data import photograph
from operations.passed_over import PassedOver
from schemas.errors import Gone, TooLarge, Undecodable

SUFFIXES: Final = photograph.SUFFIXES | photograph.FOREIGN
"""More than what can be read: a photograph of another format is refused aloud, not left out in silence."""


class Unreadable(Undecodable):
    """The file is there and cannot be read."""

    code = "unreadable"


def below(folder: Path, passed: PassedOver | None = None) -> Iterator[Path]:
    """The photographs in `folder` and the folders below it, in the order of their names.

    Hidden files and folders are left out, and links to folders are not followed; `passed` counts them, and
    what is no photograph. A folder that cannot be listed is itself among the answers: whoever tries to read
    it says so.
    """
    closed: list[OSError] = []
    passed = PassedOver(folder) if passed is None else passed
    for where, folders, files in os.walk(folder, onerror=closed.append):
        passed.add_folders(Path(where), folders)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if is_photograph(name):
                yield Path(where, name)
            else:
                passed.add_file(name)
    yield from (Path(error.filename) for error in closed)


def is_photograph(name: str) -> bool:
    """Whether the file's name says that it is one."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def read(path: Path, *, max_bytes: int) -> bytes:
    """The file's bytes; raises `Rejected`."""
    try:
        # Looked at before it is opened: a named pipe would wait for its writer for ever.
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            kind = "a folder that cannot be listed" if stat.S_ISDIR(about.st_mode) else "not a file"
            raise Unreadable(kind)
        if about.st_size > max_bytes:
            raise TooLarge(f"{about.st_size:,} bytes; the cap is {max_bytes:,}")
        with path.open("rb") as file:
            return file.read(max_bytes)
    except FileNotFoundError as error:
        raise Gone("there is no such file") from error
    except (OSError, ValueError) as error:  # a ValueError is a name that no file can have
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from error
