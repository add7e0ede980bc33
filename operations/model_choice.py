"""Model choice: which version a caller means who names a model, a version or an alias."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from model.registry import refs
from model.registry.refs import AliasRef, VersionRef
from schemas.errors import ConfigurationError, TagstreamError
from schemas.tags import ModelRef

KEPT_SECONDS: Final = 5.0
"""For which a version that the registry has given is not asked for again."""

MOST_KEPT: Final = 1_000
"""Names that are remembered; callers may send any."""


class UnknownModel(TagstreamError):
    """There is no such model, version or alias."""


Resolve = Callable[[AliasRef | VersionRef], Awaitable[str]]
"""The version that the registry has for it. Raises `ConfigurationError` where it has none, `Unavailable`."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the registry has said."""

    version: str
    until: float


class ModelChoice:
    """Asks the registry only for what this process does not serve anyway."""

    def __init__(
        self,
        serving: Callable[[], ModelRef],
        resolve: Resolve | None,
        *,
        alias: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._serving = serving
        self._resolve = resolve
        self._alias = alias
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def version_of(self, spoken: str | None) -> str | None:
        """The version that is meant by `NAME`, `NAME/VERSION` or `NAME@ALIAS`; None for the one that serves.

        Raises `UnknownModel`, and `Unavailable` where the registry is away.
        """
        serving = self._serving()
        if spoken is None or spoken in {serving.name, f"{serving.name}/{serving.version}", self._alias}:
            return None
        return await self._asked(self._parsed(spoken, serving), spoken)

    def _parsed(self, spoken: str, serving: ModelRef) -> AliasRef | VersionRef:
        try:
            ref = refs.parse(spoken)
        except ConfigurationError as error:
            raise UnknownModel(str(error)) from error
        if ref.name != serving.name:
            raise UnknownModel(f"there is no model {ref.name!r} here; {serving.name!r} is what is served")
        return ref

    async def _asked(self, ref: AliasRef | VersionRef, spoken: str) -> str:
        if self._resolve is None:
            serving = self._serving()
            raise UnknownModel(
                f"{ref} is not served here, and there is no registry to ask; "
                f"{serving.name}/{serving.version} is what is served"
            )
        if (known := self._known.get(spoken)) and self._clock() < known.until:
            return known.version
        try:
            version = await self._resolve(ref)
        except ConfigurationError as error:
            raise UnknownModel(f"the registry has no {ref}") from error
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[spoken] = _Known(version, self._clock() + KEPT_SECONDS)
        return version
