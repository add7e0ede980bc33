"""Model control: what the compacted topic `models.control.v1` tells every worker."""

from __future__ import annotations

from schemas.tags import Value
from schemas.uploads import Moment


class AliasMoved(Value):
    """An alias of the registry points elsewhere: look there now. The registry itself says where."""

    schema_version: int = 1
    event_id: str
    """The move's own."""
    alias: str
    """As in `restaurant@champion`; the message's key."""
    version: str
    digest: str
    """sha256 of the version's manifest, hexadecimal."""
    moved_at: Moment
    moved_by: str
    reason: str = ""
