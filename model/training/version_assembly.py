"""Version assembly: from chosen weights to a folder that can be served."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.checkpoint import Version, Weights
from model.data.progress import Tick, silent
from model.evaluation import recording
from model.evaluation.calibration import DecisionRule
from model.evaluation.card import card
from model.evaluation.recording import SplitFigures
from model.manifest import Input, Manifest
from model.policy import DEFAULT_ROUTES, fitting
from model.serving import self_check
from model.serving.finishing import finished
from model.training.recipe import Recipe
from model.training.train_state import StateDict
from schemas.tags import UNCERTAIN, RouteRule


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a version comes from."""

    name: str
    version: str
    licence: str
    began_with: str = ""
    data_digest: str = ""
    notes: str = ""
    """Markdown for the card: purpose, data, command, weaknesses."""


def assemble(
    state: StateDict,
    *,
    recipe: Recipe,
    decision: DecisionRule,
    provenance: Provenance,
    tick: Tick = silent,
) -> Version:
    """The version in memory, its golden pictures scored by itself, its metrics and card still empty."""
    manifest = Manifest(
        name=provenance.name,
        version=provenance.version,
        task=recipe.task,
        labels=tuple(decision.thresholds),
        architecture=recipe.architecture,
        input=Input(size=recipe.size, fit=recipe.fit, mean=recipe.mean, std=recipe.std),
        temperature=decision.temperature,
        thresholds=decision.thresholds,
        chosen_for=decision.chosen_for,
        refusal=decision.refusal,
        routes=fitting(routes(tuple(decision.thresholds)), decision.thresholds),
        data_digest=provenance.data_digest,
        code_commit=_commit(),
        licence=provenance.licence,
        began_with=provenance.began_with,
    )
    version = Version(manifest=manifest, weights=packed(state), card="", golden=self_check.draw())
    return finished(version, tick=tick)


def publish(
    folder: Path, version: Version, *, findings: Mapping[str, SplitFigures], notes: str = ""
) -> Manifest:
    """Write `version` with its metrics and its card. Raises `ConfigurationError` where `folder` is."""
    reports = {split: found.report for split, found in findings.items()}

    def text(manifest: Manifest) -> str:
        return card(manifest, reports=reports, notes=notes)

    return recording.publish(folder, version, findings=findings, text=text)


def routes(labels: tuple[str, ...]) -> tuple[RouteRule, ...]:
    """The default routes that apply to `labels`; another task brings its own in a routes file."""
    return tuple(rule for rule in DEFAULT_ROUTES if rule.label in {*labels, UNCERTAIN})


def packed(state: StateDict) -> Weights:
    """The weights for the disk: matrices in fp16 where they fit, vectors in fp32, counters left out."""
    return {name: _array(tensor) for name, tensor in state.items() if tensor.is_floating_point()}


def _array(tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float16 | np.float32]]:
    kept = tensor.float()
    if tensor.squeeze().ndim > 1 and kept.abs().max() < torch.finfo(torch.float16).max:
        kept = kept.half()
    return np.ascontiguousarray(kept.cpu().numpy())


def _commit() -> str:
    """The commit of the code that runs, empty outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    except OSError:
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
