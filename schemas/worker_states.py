"""Worker states: what each worker says of itself in the store, so that people see who serves what."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from schemas.tags import ModelRef, Value
from schemas.uploads import Moment


class WorkerState(Value):
    """One worker's, written when it changes and now and then; who has not written for long is gone."""

    id: str
    """As in `host:4711:5f2c90aa`: of this life of it, and of no other."""
    started_at: Moment
    seen_at: Moment
    """By its own clock."""
    release: str
    """Of Tagstream."""
    serving: ModelRef
    """By which uploads are scored."""
    resident: tuple[ModelRef, ...]
    """Every version that it could score by now, the serving one among them."""
    computed_by: str
    """The library, its precision and the device, as scores say it."""
    follows: str | None = None
    """The alias of the registry, as in `restaurant@champion`; None where it keeps its version."""
    swaps: int = 0
    """Since its start."""
    missing: Mapping[str, str] = Field(default_factory=dict)
    """Versions that replays ask for and that cannot be had here, and why."""
    complaint: str | None = None
    """Why it does not serve what its alias points at."""
