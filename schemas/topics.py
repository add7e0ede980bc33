"""The names of the topics, each with what keys it."""

from __future__ import annotations

from typing import Final

UPLOADED: Final = "photos.uploaded.v1"
"""Inbound uploads, keyed by image_id."""
TAGGED: Final = "photos.tagged.v1"
"""Every scored image, keyed by image_id."""
MODERATION: Final = "photos.moderation.v1"
"""What a person should look at, keyed by image_id."""
AMBIANCE: Final = "photos.ambiance.v1"
"""The collection on a restaurant's page, keyed by restaurant_id."""
DEAD_LETTERS: Final = "photos.uploaded.v1.dlq"
"""Messages that can never succeed, keyed as they came, with the raw bytes as they came."""

OUTBOUND: Final = (TAGGED, MODERATION, AMBIANCE, DEAD_LETTERS)
