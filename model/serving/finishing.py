"""Finishing of a version: its golden pictures scored by itself, and its graph beside the weights."""

from __future__ import annotations

from dataclasses import replace

import structlog

from model.checkpoint import Version, sealed, sha256
from model.data.progress import Tick, silent
from model.manifest import Golden
from model.runtimes.openvino_export import exported
from model.runtimes.torch_runtime import TorchRuntime
from model.serving import borderline_check, borderline_search
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError, DeviceBroken

log = structlog.get_logger(__name__)


def finished(version: Version, *, borderline: bool = True, tick: Tick = silent) -> Version:
    """`version` with its golden pictures scored, by torch in fp32, its `borderline` ones, and its graph.

    Without a graph, with a warning, where OpenVINO cannot run it or says something else than torch.
    """
    scored = _with_graph(_scored(version))
    if not borderline:
        return scored
    made = sealed(replace(scored, borderline=borderline_search.found(scored, tick=tick)))
    try:
        borderline_check.check(
            Classifier.of(made, device="cpu", runtime="openvino" if made.graph else "torch")
        )
    except DeviceBroken as error:
        return _without_graph(made, error)
    return made


def _with_graph(version: Version) -> Version:
    try:
        served = replace(version, graph=exported(version))
        Classifier.of(served, device="cpu", runtime="openvino").check_golden()
    except (ConfigurationError, DeviceBroken) as error:
        return _without_graph(version, error)
    return served


def _without_graph(version: Version, error: Exception) -> Version:
    log.warning("model.without_graph", model=version.manifest.name, error=str(error))
    return replace(version, graph=b"")


def _scored(version: Version) -> Version:
    classifier = Classifier(version, TorchRuntime(version, device="cpu"))
    golden = tuple(
        Golden(file=name, sha256=sha256(png), scores=classifier.score_picture(png))
        for name, png in version.golden.items()
    )
    return replace(version, manifest=version.manifest.model_copy(update={"golden": golden}))
