"""Recalibration: a version's weights with temperature and thresholds chosen anew, as a new version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model import checkpoint
from model.checkpoint import Version
from model.data.photograph import Photograph
from model.data.progress import Tick, silent
from model.evaluation import calibration, recording
from model.evaluation.calibration import DecisionRule
from model.evaluation.card import card
from model.evaluation.predict import predict
from model.evaluation.recording import SplitFigures
from model.evaluation.report import Report
from model.evaluation.threshold_targets import Target
from model.manifest import Manifest
from model.policy import fitting
from model.serving.classifier import Classifier
from model.serving.finishing import finished


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """A version that was written, why its thresholds are what they are, and its figures on that split."""

    manifest: Manifest
    decision: DecisionRule
    report: Report


@dataclass(frozen=True, slots=True)
class RecalibrationRequest:
    """What to choose by, and for what."""

    split: str
    photographs: Sequence[Photograph]
    targets: Target | Mapping[str, Target]
    refusal: float | None = None
    """As the manifest has it; chosen on the photographs if None."""


def recalibrate(
    folder: Path, output: Path, *, asked: RecalibrationRequest, device: str = "auto", tick: Tick = silent
) -> Recalibrated:
    """Write the version in `folder` as `output`, NAME-VERSION, its tags decided for `asked.targets`.

    Raises `ConfigurationError` where `output` exists or has no such name, and as `decide` and `judge` do.
    """
    identity = checkpoint.name_and_version(output)
    old = checkpoint.read(folder)

    def text(manifest: Manifest, figures: Report) -> str:
        return _card(manifest, old=old, asked=asked, figures=figures)

    return decided(old, output, asked=asked, identity=identity, text=text, device=device, tick=tick)


def decided(  # noqa: PLR0913 - what a version is made of
    version: Version,
    output: Path,
    *,
    asked: RecalibrationRequest,
    identity: tuple[str, str],
    text: Callable[[Manifest, Report], str],
    device: str = "auto",
    tick: Tick = silent,
) -> Recalibrated:
    """Write `version` as `output`, of that name and number, its tags decided and itself judged by `asked`.

    `text` makes the card, of the manifest and the figures. Raises `ConfigurationError` as `decide` does.
    """
    decision = _decision(Classifier.of(version, device=device), asked=asked, tick=tick)
    made = _decided(version, decision=decision, identity=identity, tick=tick)
    found = SplitFigures.of(predict(Classifier.of(made, device=device), asked.photographs, tick=tick))
    written = recording.publish(
        output, made, findings={asked.split: found}, text=lambda manifest: text(manifest, found.report)
    )
    return Recalibrated(written, decision, found.report)


def _decision(classifier: Classifier, *, asked: RecalibrationRequest, tick: Tick) -> DecisionRule:
    manifest = classifier.manifest
    seen = predict(classifier, asked.photographs, tick=tick)
    logits = calibration.logits_of(seen, temperature=manifest.temperature)
    return calibration.decide(logits, seen, task=manifest.task, targets=asked.targets, refusal=asked.refusal)


def _decided(old: Version, *, decision: DecisionRule, identity: tuple[str, str], tick: Tick) -> Version:
    name, number = identity
    update = {
        "name": name,
        "version": number,
        "temperature": decision.temperature,
        "thresholds": decision.thresholds,
        "chosen_for": decision.chosen_for,
        "refusal": decision.refusal,
        "routes": fitting(old.manifest.routes, decision.thresholds),
        "metrics": {},
    }
    return finished(replace(old, manifest=old.manifest.model_copy(update=update)), tick=tick)


def _card(manifest: Manifest, *, old: Version, asked: RecalibrationRequest, figures: Report) -> str:
    before = f"{old.manifest.name} {old.manifest.version}"
    notes = (
        f"The weights of {before}, unchanged; its temperature and thresholds were chosen anew on "
        f"`{asked.split}`. What those weights are for, how they were made and where they are weak stands "
        "below, on their own card; thresholds and figures there are the old ones."
    )
    new = card(manifest, reports={asked.split: figures}, notes=notes)
    return f"{new}\n## The card of {before}\n\n{_deeper(old.card)}"


def _deeper(text: str) -> str:
    """Markdown with its headings two levels down."""
    return "".join(f"##{line}" if line.startswith("#") else line for line in text.splitlines(keepends=True))
