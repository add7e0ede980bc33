"""Topic names, each with what keys it."""

from __future__ import annotations

from typing import Final

UPLOADED: Final = "photos.uploaded.v1"
"""Inbound uploads and removals, keyed by image_id (by the object's key where storage itself speaks)."""
DECISIONS: Final = "photos.decisions.v1"
"""Inbound decisions of moderators, keyed by image_id."""
RESCORE: Final = "photos.rescore.v1"
"""The replay lane, keyed by image_id."""
RETRY: Final = "photos.uploaded.v1.retry"
"""Messages whose one object keeps failing, with the time at which they are due; keyed as they came."""

TAGGED: Final = "photos.tagged.v1"
"""Every scored image, keyed by image_id."""
LATEST: Final = "photos.tags.latest.v1"
"""The tags that hold now, keyed by image_id, compacted; a tombstone where the image is deleted."""
MODERATION: Final = "photos.moderation.v1"
"""What a person should look at, keyed by image_id."""
AMBIANCE: Final = "photos.ambiance.v1"
"""The collection on a restaurant's page, keyed by restaurant_id."""
STATEMENTS: Final = "photos.statements.v1"
"""Statements of reasons, keyed by image_id; never compacted."""
COMPARED: Final = "photos.compared.v1"
"""What two versions say of an upload while one is rolled out, keyed by image_id; never to act on."""
DEAD_LETTERS: Final = "photos.uploaded.v1.dlq"
"""Messages that can never succeed, keyed as they came, with the raw bytes as they came."""
PARKING: Final = "photos.uploaded.v1.parking"
"""Messages that were retried as often as is allowed; a person redrives them."""

REDRIVEN: Final = "photos.redriven.v1"
"""Which letters were sent back, keyed by their `topic/partition/offset`; compacted."""

CONTROL: Final = "models.control.v1"
"""That an alias of the registry has moved, keyed by the alias, compacted: every worker reads all of it."""

INBOUND: Final = (UPLOADED, DECISIONS, RESCORE, RETRY)
OUTBOUND: Final = (TAGGED, LATEST, MODERATION, AMBIANCE, STATEMENTS, COMPARED, RETRY, DEAD_LETTERS, PARKING)
ALL: Final = tuple(dict.fromkeys((*INBOUND, *OUTBOUND)))
"""What workers read and write."""
COMPACTED: Final = frozenset({LATEST})
