"""Routing rules: those in force, and what a routes file would change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.wiring import model_source
from agents.wiring.settings import Settings, blame
from model import checkpoint, routes
from model.manifest import Manifest
from model.policy import Policy
from operations import store
from operations.routes_check import Outlook, Tick, scan
from schemas.tags import RouteRule
from streams.scanning import every_head


@dataclass(frozen=True, slots=True)
class Routes:
    """Rules, and the model whose labels they are about."""

    file: Path | None
    """None where they come with the model."""
    rules: tuple[RouteRule, ...]
    manifest: Manifest

    def document(self) -> dict[str, Any]:
        """As the JSON document of `tagstream routes show`."""
        return {
            "file": str(self.file) if self.file else None,
            "model": self.manifest.ref.model_dump(),
            "thresholds": dict(self.manifest.thresholds),
            "refusal": self.manifest.refusal,
            "routes": [rule.model_dump() for rule in self.rules],
        }


@dataclass(frozen=True, slots=True)
class CheckedRoutes:
    """A routes file that is right, and what it would change."""

    routes: Routes
    outlook: Outlook | None
    """None where no store is here."""
    is_whole: bool = True
    """Whether all images were looked at."""

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        return {
            "file": str(self.routes.file),
            "rules": [rule.model_dump() for rule in self.routes.rules],
            "model": self.routes.manifest.ref.model_dump(),
            "store": self.outlook is not None,
            "complete": self.is_whole,
            **(self.outlook.document() if self.outlook else {}),
        }


def in_force(settings: Settings, model: Path | None) -> Routes:
    """The rules that workers go by: those of the routes file that is set, else the model's own."""
    manifest, file = _manifest(settings, model), settings.routes.file
    if file is None:
        return Routes(None, manifest.routes, manifest)
    with blame("TAGSTREAM_ROUTES__FILE"):
        return Routes(file, routes.load(file, labels=manifest.labels), manifest)


def read(settings: Settings, file: Path, model: Path | None) -> Routes:
    """The rules of a file, held against the model's labels. Raises `ConfigurationError`."""
    manifest = _manifest(settings, model)
    return Routes(file, routes.load(file, labels=manifest.labels), manifest)


async def check(settings: Settings, proposed: Routes, *, limit: int | None, tick: Tick) -> CheckedRoutes:
    """What the rules would change of at most `limit` images; nothing is written or sent."""
    if not store.is_here(settings.store):
        return CheckedRoutes(proposed, None)
    policy = replace(Policy.of(proposed.manifest), rules=proposed.rules)
    outlook = Outlook(policy, proposed.manifest.ref)
    async with store.open_store(settings.store) as scores:
        is_whole = await scan(every_head(scores), outlook, limit=limit, tick=tick)
    return CheckedRoutes(proposed, outlook, is_whole)


def _manifest(settings: Settings, model: Path | None) -> Manifest:
    if model is None:
        return model_source.manifest_here(settings)
    with blame("--model"):
        return checkpoint.read_manifest(model)
