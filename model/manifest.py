"""Model manifest: everything needed to serve it, and everything needed to judge it.

No torch in here: the command line and the policy read manifests without it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from model.preprocess import Fit, Preprocess
from schemas.tags import UNCERTAIN, ModelRef, RouteRule

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0, le=1)]
Task = Literal["multi_label", "single_label", "binary"]
"""A sigmoid a label; a softmax over the labels; one output, whose label is the positive answer."""


DECISIVE: Final = {
    "task",
    "labels",
    "architecture",
    "input",
    "temperature",
    "thresholds",
    "refusal",
    "sha256",
}
"""The fields of a manifest that move a probability or a tag."""


class ManifestPart(BaseModel):
    """A frozen part of the manifest; fields of a later version are ignored by an earlier one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Input(ManifestPart):
    """What the network is fed: (3, size, size), (value / 255 - mean) / std."""

    size: Annotated[int, Field(ge=32, le=1024)] = 224
    fit: Fit = Fit.SQUASH
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def preprocess(self) -> Preprocess:
        """The decoder of such inputs."""
        return Preprocess(size=self.size, fit=self.fit)


class Golden(ManifestPart):
    """A picture whose scores are known, for telling a broken device from a bad image."""

    file: str
    sha256: Digest
    scores: Mapping[str, Probability]


class Manifest(ManifestPart):
    """One version of a model."""

    name: str
    version: str
    task: Task = "multi_label"
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    """In the order of the network's outputs."""
    architecture: str
    input: Input = Input()
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Logits are divided by this, so that a probability of 0.8 is right in 8 of 10 cases."""
    thresholds: Mapping[str, Probability]
    """A label is tagged at this probability and above."""
    refusal: Probability = 0.0
    """An image on which no label reaches this is none of them and gets no tag. Thresholds below it are for
    the further tags of an image that has one."""
    chosen_for: Mapping[str, Mapping[str, float]] = {}
    """What a label's threshold was chosen for, as `{"recall": 0.98, "reached": 0.983}`, on `val`;
    `{"threshold": 0.4, "reached": 0.95}` where somebody set it, with the recall that it has there."""
    routes: tuple[RouteRule, ...] = ()
    golden: tuple[Golden, ...] = ()
    metrics: Mapping[str, JsonValue] = {}
    data_digest: str = ""
    code_commit: str = ""
    licence: str = ""
    began_with: str = ""
    """The weights that training began with, and what is known of their licence."""
    sha256: Digest = "0" * 64
    """Of the weights' file."""
    graph: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """sha256 of the layers' file for OpenVINO; empty where a version has none."""
    borderline: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """sha256 of the file of pictures near the thresholds; empty where a version has none."""

    @property
    def ref(self) -> ModelRef:
        """What scores and verdicts carry."""
        return ModelRef(name=self.name, version=self.version, digest=self.sha256)

    @model_validator(mode="after")
    def _labels_suit_the_task(self) -> Manifest:
        if self.task == "binary" and len(self.labels) != 1:
            raise ValueError(f"a binary task has one label, the positive answer; not {list(self.labels)}")
        if self.task == "single_label" and len(self.labels) < 2:  # noqa: PLR2004 - one of one is no choice
            raise ValueError(f"a single_label task has two labels or more; not {list(self.labels)}")
        return self

    @model_validator(mode="after")
    def _labels_agree(self) -> Manifest:
        labels = set(self.labels)
        if len(labels) != len(self.labels) or UNCERTAIN in labels:
            raise ValueError(f"labels {list(self.labels)} repeat one, or use the reserved {UNCERTAIN!r}")
        if set(self.thresholds) != labels:
            raise ValueError(f"thresholds are for {sorted(self.thresholds)}, labels are {sorted(labels)}")
        if any(set(golden.scores) != labels for golden in self.golden):
            raise ValueError(f"golden scores are for other labels than {sorted(labels)}")
        foreign = {rule.label for rule in self.routes} - labels - {UNCERTAIN}
        if foreign:
            raise ValueError(f"routes name labels that the model has not: {sorted(foreign)}")
        return self


def decisive_digest(manifest: Manifest) -> str:
    """sha256 over the weights' digest and whatever makes tags of their outputs.

    Figures mean nothing beside other thresholds than theirs, so this is kept with
    recorded ones (`metrics[SPLIT]["judged"]`): a threshold edited afterwards shows.
    """
    decisive = manifest.model_dump(mode="json", include=DECISIVE)
    if not manifest.refusal:
        del decisive["refusal"]  # versions that refuse nothing keep the digests that they were recorded with
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
