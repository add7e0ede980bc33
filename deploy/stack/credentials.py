"""Stack credentials: made up at the first start, kept in its folder, readable by its owner alone."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self


def _made_up() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who may do what: one user of everything."""

    user: str = "tagstream"
    kafka_password: str = field(default_factory=_made_up, repr=False)
    s3_secret: str = field(default_factory=_made_up, repr=False)
    keystore_password: str = field(default_factory=_made_up, repr=False)

    @classmethod
    def kept_in(cls, folder: Path) -> Self:
        """Those of the folder; made up and kept there unless it has some."""
        file = folder / "credentials.json"
        if file.exists():
            return cls(**json.loads(file.read_text()))
        folder.mkdir(parents=True, exist_ok=True)
        made = cls()
        write_privately(file, json.dumps(asdict(made)))
        return made


def write_privately(file: Path, text: str) -> None:
    """Write a file that nobody else may read, from its first byte on."""
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:  # noqa: PTH123 - a descriptor
        out.write(text)
