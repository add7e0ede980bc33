"""Finishing of a version: its golden pictures scored by itself, and its graph beside the weights."""

from __future__ import annotations

from dataclasses import replace

import structlog

from model.checkpoint import Version, sha256
from model.manifest import Golden
from model.runtimes.openvino_export import exported
from model.runtimes.torch_runtime import TorchRuntime
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError, DeviceBroken

log = structlog.get_logger(__name__)


def finished(version: Version) -> Version:
    """`version` with the scores of its golden pictures, by torch in fp32, and with its graph.

    Without a graph, with a warning, where OpenVINO cannot run it or says something else than torch.
    """
    scored = _scored(version)
    try:
        served = replace(scored, graph=exported(scored))
        Classifier.of(served, device="cpu", runtime="openvino").check_golden()
    except (ConfigurationError, DeviceBroken) as error:
        log.warning("model.without_graph", model=version.manifest.name, error=str(error))
        return replace(scored, graph=b"")
    return served


def _scored(version: Version) -> Version:
    classifier = Classifier(version, TorchRuntime(version, device="cpu"))
    golden = tuple(
        Golden(file=name, sha256=sha256(png), scores=classifier.score_picture(png))
        for name, png in version.golden.items()
    )
    return replace(version, manifest=version.manifest.model_copy(update={"golden": golden}))
