"""A worker's decoders, as the settings want them, and their deaths counted."""

from __future__ import annotations

from agents.settings import Settings
from agents.telemetry.metrics import Metrics
from model.decoding.death import Death
from model.decoding.limits import DecoderLimits
from model.decoding.orders import REAL
from model.decoding.pool import DecoderPool
from model.preprocess import Preprocess


def decoders(
    settings: Settings, metrics: Metrics, preprocess: Preprocess, *, decode: str = REAL
) -> DecoderPool:
    """The pool, not yet entered; `decode` names what is called in its processes."""

    def count(death: Death) -> None:
        metrics.decoder_deaths.labels(death.cause).inc()

    ours = settings.decode
    limits = DecoderLimits(ours.processes, ours.memory, ours.deadline)
    return DecoderPool(preprocess, limits, on_death=count, decode=decode)
