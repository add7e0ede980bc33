"""Rules of a version by its name: by which its scores are judged where no network of it is loaded."""

from __future__ import annotations

from agents.wiring.model_source import resolve_model
from agents.wiring.registry import open_registry, reach
from agents.wiring.settings import Settings
from agents.wiring.tagging import load_policy
from model import checkpoint
from model.policy import Policy
from model.registry.refs import VersionRef
from schemas.errors import ConfigurationError


async def rules_of(settings: Settings, version: str) -> Policy:
    """Those of the settings' model, or of its sibling in the registry.

    Raises:
        ConfigurationError: neither is of that version, or no registry is named.
        Unavailable: the registry is away.
    """
    ours = checkpoint.read_manifest((await resolve_model(settings)).folder)
    if ours.version == version:
        return load_policy(settings, ours)
    if settings.registry.url is None:
        raise ConfigurationError(
            f"version {version} is not the model of the settings ({ours.version}), and no registry is named"
            " to have its thresholds from: set TAGSTREAM_REGISTRY__URL"
        )
    reach(settings)
    async with open_registry(settings) as registry:
        return load_policy(settings, await registry.manifest(VersionRef(ours.name, version)))
