"""Wiring of the resident model: decoders, the version of the start in its slot, and what watches it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from agents.model_slot import ModelSlot
from agents.shared_decoding import SharedDecoding
from agents.telemetry.metrics import Metrics
from agents.wiring.model_source import resolve_model
from agents.wiring.residence import Residence
from agents.wiring.runtime import ProcessRuntime
from agents.wiring.settings import Settings
from agents.wiring.tagging import load_tagger
from model.decoding.decoder import DecoderExit
from model.decoding.options import REAL
from model.decoding.pool import DecoderPool
from model.preprocess import Preprocess


async def open_resident(settings: Settings, runtime: ProcessRuntime, stack: AsyncExitStack) -> Residence:
    """The version that the settings name, loaded and proven, in a slot that is open until `stack` closes.

    Its decoders still start; a batcher that dies ends the process.
    """
    decoding = SharedDecoding(partial(decoders, settings, runtime.metrics))
    version = await runtime.dependencies.retry_until_available(partial(resolve_model, settings))
    loaded = await load_tagger(settings, runtime.tracer, version=version, decoding=decoding)
    slot = await stack.enter_async_context(ModelSlot(loaded))
    runtime.metrics.versions.remembered(is_remembered=version.is_remembered)
    mortality = asyncio.create_task(_die_with(slot, runtime))
    stack.callback(mortality.cancel)
    runtime.observed.model(lambda: True)  # it is opened warm
    runtime.observed.batcher(slot.statistics, intake=settings.batch.intake)
    residence = Residence(settings, runtime, slot, decoding, version)
    residence.show()
    return residence


async def _die_with(slot: ModelSlot, runtime: ProcessRuntime) -> None:
    """A dead batcher scores nothing any more: the process must go."""
    runtime.fail(await slot.died())


def decoders(
    settings: Settings, metrics: Metrics, preprocess: Preprocess, *, decode: str = REAL
) -> DecoderPool:
    """The pool, not yet entered; `decode` names what is called in its processes."""

    def count(death: DecoderExit) -> None:
        metrics.decoder_deaths.labels(death.cause).inc()

    recipe = settings.renditions.recipe
    return DecoderPool(preprocess, settings.decode, on_death=count, decode=decode, rendition=recipe)
