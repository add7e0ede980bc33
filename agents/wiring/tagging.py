"""Wiring of the tagger: the model that the settings name, tried on its golden images, behind its port.

Apart from the other components, since who classifies files of his own needs no broker, storage or store, and
none of their libraries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from agents.tagger import ImageDecoder, ResidentTagger
from agents.telemetry.tracing import NO_TRACER, Tracer
from agents.wiring.model_source import ResolvedModel, resolve_model
from agents.wiring.settings import Settings, blame
from model import routes
from model.decoding.threads import DecodingThreads
from model.manifest import Manifest
from model.policy import Policy
from model.preprocess import Preprocess
from model.serving import borderline_check
from model.serving.classifier import Classifier

log = structlog.get_logger(__name__)


async def load_tagger(
    settings: Settings,
    tracer: Tracer = NO_TRACER,
    *,
    version: ResolvedModel | None = None,
    decoding: Callable[[Preprocess], ImageDecoder] | None = None,
    warm: bool = True,
) -> ResidentTagger:
    """The model, loaded; not yet entered. `decoding` makes what decodes; else threads do.

    `version` is what `resident` has found; where it is absent it is looked for here, once. Where it is not
    `warm`, the first batch of each size pays for itself: that is cheaper for whoever has few images.
    """
    found = version or await resolve_model(settings)
    classifier = await asyncio.to_thread(_load_classifier, settings, found, warm=warm)
    policy = load_policy(settings, classifier.manifest)
    log.info(
        "model.warm",
        version=classifier.ref.version,
        digest=classifier.ref.digest[:12],
        by=classifier.computed_by,
    )
    made = (decoding or partial(DecodingThreads, count=settings.decode.processes))(classifier.preprocess)
    return ResidentTagger(classifier, policy, batches=settings.batch, decoding=made, tracer=tracer)


def load_policy(settings: Settings, manifest: Manifest) -> Policy:
    """The version's rules, or those of the routes file where one is configured."""
    policy = Policy.of(manifest)
    if settings.routes.file is None:
        return policy
    with blame("TAGSTREAM_ROUTES__FILE"):
        return replace(policy, rules=routes.load(settings.routes.file, labels=policy.thresholds))


def _load_classifier(settings: Settings, version: ResolvedModel, *, warm: bool) -> Classifier:
    device, threads = settings.model.device, settings.model.threads
    with blame(version.setting):
        classifier = Classifier.load(version.folder, device=device, threads=threads)
    if warm:
        classifier.warm(settings.batch.max_size)
    classifier.check_golden()
    if warm:
        borderline_check.check_once(classifier)
    return classifier
