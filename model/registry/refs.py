"""Version references: `restaurant/v2` itself, `restaurant@champion` by an alias; and under which keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from model.checkpoint import MANIFEST
from schemas.errors import ConfigurationError

CHAMPION: Final = "champion"
"""The alias that workers follow, and that every candidate is held against."""

_ALIASES: Final = "aliases"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, order=True)
class VersionRef:
    """One version, for ever the same."""

    name: str
    version: str

    def __post_init__(self) -> None:
        _refuse_unspeakable(self.name, self.version)
        if self.version == _ALIASES:
            raise ConfigurationError(f"{_ALIASES!r} is the folder of the aliases; name the version otherwise")

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"

    def key(self, file: str) -> str:
        """The key of a file of the version."""
        return f"{self.name}/{self.version}/{file}"

    @property
    def manifest(self) -> str:
        """The key of its manifest, which is put last: with it the version is there, without it is not."""
        return self.key(MANIFEST)


@dataclass(frozen=True, slots=True, order=True)
class AliasRef:
    """Whatever version the alias points at when it is asked."""

    name: str
    alias: str

    def __post_init__(self) -> None:
        _refuse_unspeakable(self.name, self.alias)

    def __str__(self) -> str:
        return f"{self.name}@{self.alias}"

    @property
    def key(self) -> str:
        """Where it stands."""
        return f"{self.name}/{_ALIASES}/{self.alias}.json"


def parse(text: str) -> VersionRef | AliasRef:
    """`NAME/VERSION` or `NAME@ALIAS`; raises `ConfigurationError` for anything else."""
    name, at, alias = text.partition("@")
    if at:
        return AliasRef(name, alias)
    name, slash, version = text.partition("/")
    if not slash:
        raise ConfigurationError(f"{text!r} names no version: write NAME/VERSION, or NAME@champion")
    return VersionRef(name, version)


def alias_key(key: str) -> AliasRef | None:
    """The alias that stands at `key`, None where it is another file's."""
    match key.split("/"):
        case [name, folder, file] if folder == _ALIASES and file.endswith(".json"):
            alias = file.removesuffix(".json")
            return AliasRef(name, alias) if _are_names(name, alias) else None
    return None


def version_key(key: str) -> VersionRef | None:
    """The version whose manifest stands at `key`, None where it is another file's."""
    match key.split("/"):
        case [name, version, file] if file == MANIFEST and version != _ALIASES:
            return VersionRef(name, version) if _are_names(name, version) else None
    return None


def _are_names(*names: str) -> bool:
    return all(_NAME.fullmatch(name) for name in names)


def _refuse_unspeakable(*names: str) -> None:
    for name in names:
        if not _are_names(name):
            raise ConfigurationError(
                f"{name!r} cannot name a model, a version or an alias: letters, digits, '.', '_' and '-', "
                "100 at most, a letter or a digit first"
            )
