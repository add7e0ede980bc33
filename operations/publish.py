"""Publishes a version's folder to the registry."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from agents.wiring.registry import open_registry
from agents.wiring.settings import Settings
from model.registry import contents
from model.registry.publishing import Published
from model.serving import borderline_check
from model.serving.classifier import Classifier


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What is in the registry now."""

    published: Published
    registry: str
    """Its address."""
    left_out: tuple[str, ...]
    """Files of the folder that are no part of a version."""


async def publish(settings: Settings, folder: Path, *, url: str | None, licence: str = "") -> PublishResult:
    """Verify the version, its golden images too, and put it into the registry; of none, under `licence`.

    Raises `ConfigurationError`, `Unavailable`, and `Broken` where it does not score as it says.
    """
    version = contents.of_folder(folder)
    if licence.strip():
        version = contents.licensed(version, licence.strip())
    await asyncio.to_thread(_check, folder)
    async with open_registry(settings, url) as registry:
        published = await registry.publish(version)
        return PublishResult(published, registry.where, tuple(map(str, contents.left_out(folder, version))))


def _check(folder: Path) -> None:
    classifier = Classifier.load(folder)
    classifier.check_golden()
    borderline_check.check(classifier)
