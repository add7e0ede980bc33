"""Opening of what the routes share: parts of predictions, what works beside them, outboxes of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

from agents.presence import life_id
from agents.wiring.backends import kafka_settings
from agents.wiring.prediction_parts import PredictionParts, open_prediction_parts
from agents.wiring.runtime import ProcessRuntime
from agents.wiring.settings import Settings
from console.identity import Identity
from console.service import ApiService, ServedModel
from operations import erase
from operations.admission import Admission
from operations.batch_runner import BatchRunner, BatchWorld
from operations.batch_scoring import RowScorer
from operations.decision_desk import DecisionDesk
from operations.erasure_desk import ErasureDesk
from operations.model_choice import ModelChoice
from operations.outbox import Outbox
from operations.predict import Predictor
from operations.receive import Reception
from operations.thumbnails import Thumbnails
from schemas.decisions import ModerationDecided
from schemas.uploads import ImageUploaded
from streams.adapters.kafka.publisher import DecisionPublisher, UploadPublisher
from streams.ports import IMAGES

QUIET_SECONDS: Final = 2.0
"""Without a prediction, after which batch jobs and thumbnails have all of their photographs in hand."""


@asynccontextmanager
async def opened_service(settings: Settings, runtime: ProcessRuntime) -> AsyncIterator[ApiService]:
    """All of it, waited for where it is away; closed in the end."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_prediction_parts(settings, runtime))
        service = _service(settings, runtime, parts, stack)
        stack.push_async_callback(service.identity.close)
        admission = service.predictor.admission
        runtime.observed.predictions(lambda: (admission.in_hand, admission.limit))
        await stack.enter_async_context(_batches_worked_at(settings, runtime, parts, service))
        yield service


def _service(
    settings: Settings, runtime: ProcessRuntime, parts: PredictionParts, stack: AsyncExitStack
) -> ApiService:
    slot, limits = parts.slot, settings.api
    decisions = Outbox[ModerationDecided](lambda: DecisionPublisher(kafka_settings(settings)))
    uploads = Outbox[ImageUploaded](lambda: UploadPublisher(kafka_settings(settings)))
    stack.push_async_callback(decisions.close)
    stack.push_async_callback(uploads.close)
    predictor = Predictor(parts.targets, lambda: slot.model.version, parts.images, limits)
    thumbnails = Thumbnails(
        parts.images, parts.decoder, _quiet(predictor.admission), renditions=parts.renditions
    )
    erasures = ErasureDesk(partial(erase.choose, settings), partial(erase.erase, settings), thumbnails.forget)
    stack.push_async_callback(thumbnails.close)
    stack.push_async_callback(erasures.close)
    return ApiService(
        limits=limits,
        identity=Identity(parts.store, limits),
        predictor=predictor,
        choice=ModelChoice(lambda: slot.model, parts.resolve, alias=parts.alias),
        serving=lambda: ServedModel(slot.model, slot.labels, slot.input_side),
        is_ready=lambda: runtime.observed.health.readyz().is_ok,
        store=parts.store,
        files=parts.files,
        decisions=DecisionDesk(parts.store, decisions, lambda: slot.labels, settings.clock),
        reception=Reception(parts.files, uploads, predictor.look),
        thumbnails=thumbnails,
        erasures=erasures,
    )


def _quiet(admission: Admission) -> Callable[[], bool]:
    """Whether nobody waits for a prediction."""
    return lambda: admission.is_quiet(QUIET_SECONDS)


@asynccontextmanager
async def _batches_worked_at(
    settings: Settings, runtime: ProcessRuntime, parts: PredictionParts, service: ApiService
) -> AsyncIterator[None]:
    """Within the block; what is in hand at its end is given back, for another server."""
    slots = settings.api.batch_photographs
    if not slots:
        yield
        return
    storage, admission = runtime.dependencies.of(IMAGES), service.predictor.admission
    rows = RowScorer(parts.images, storage, slots, _quiet(admission))
    world = BatchWorld(
        parts.store,
        parts.files,
        parts.targets,
        rows,
        runtime.dependencies,
        lambda outcome, rows: runtime.metrics.api.counted(rows, outcome.errors),
    )
    working = asyncio.create_task(BatchRunner(world, life_id()).run(), name="batches")
    runtime.watch(working)
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
