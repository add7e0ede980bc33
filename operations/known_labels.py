"""Which labels an image can be asked for by, before a replay looks for one that nothing has."""

from __future__ import annotations

from agents.wiring.model_source import resolve_model
from agents.wiring.settings import Settings
from model import checkpoint
from operations.known_versions import LOOKED_AT
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError
from schemas.rescore_jobs import RescoreFilters
from streams.ports import ScoreStore


async def refuse_unknown_labels(settings: Settings, scores: ScoreStore, filters: RescoreFilters) -> None:
    """Raise `ConfigurationError` for a filter's label that nothing has, with the nearest that something has.

    Known are the labels of the settings' model, and those of scores and tags in the store.
    """
    asked = {band.label: f"--band {band.label}" for band in filters.bands}
    if filters.label is not None:
        asked[filters.label] = f"--label {filters.label}"
    if not asked:
        return
    known = await _known(settings, scores)
    for label, option in asked.items():
        if label not in known:
            hint = did_you_mean(label, known, otherwise=f"there are {', '.join(sorted(known))}", most=3)
            raise ConfigurationError(
                f"{option}: no image has that label, as far as was looked{hint} (--force starts all the same)"
            )


async def _known(settings: Settings, scores: ScoreStore) -> set[str]:
    known = set(checkpoint.read_manifest((await resolve_model(settings)).folder).labels)
    for head in await scores.scan(limit=LOOKED_AT):
        known |= set(head.scores.probabilities) if head.scores else set()
        known |= {tag.label for tag in head.verdict.tags} if head.verdict else set()
    return known
