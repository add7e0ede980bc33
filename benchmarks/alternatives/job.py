"""The job that all alternatives do, less how it flows: what is read, scored, kept and said of a photograph.

The same model, photographs, broker and store as the product's, by the product's own preprocessing; the
network in eager torch, as who writes his own tagger loads it. None of it retries, bisects a bad batch, puts
dead letters aside or survives a kill between two of its steps: what is held against the product is its speed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import torch

from model import checkpoint
from model.preprocess import Pixels
from model.runtimes.torch_runtime import unfolded
from schemas import topics

BROKERS: Final = os.environ.get("BENCH_BROKERS", "")
GROUP: Final = os.environ.get("BENCH_GROUP", "")
DATABASE: Final = os.environ.get("BENCH_DATABASE", "")
STORE: Final = os.environ.get("BENCH_STORE", "")
FOLDER: Final = Path(os.environ.get("BENCH_FOLDER", "."))
"""Where a program may keep what its library wants a folder for."""
S3: Final[Mapping[str, str]] = {
    "endpoint_url": os.environ.get("BENCH_S3_ENDPOINT", ""),
    "region_name": os.environ.get("BENCH_S3_REGION", ""),
    "aws_access_key_id": os.environ.get("BENCH_S3_KEY", ""),
    "aws_secret_access_key": os.environ.get("BENCH_S3_SECRET", ""),
}

COLLECTION: Final = "scores"
UPLOADED: Final = topics.UPLOADED
BATCH: Final = 32
PARTITIONS: Final = 4

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Upload:
    """One photograph that was uploaded."""

    image_id: str
    bucket: str
    key: str

    @classmethod
    def read(cls, value: bytes | Mapping[str, Any]) -> Upload:
        """The event as the broker, or a library that has unpacked it, hands it over."""
        said = value if isinstance(value, Mapping) else json.loads(value)
        return cls(said["image_id"], said["location"]["bucket"], said["location"]["key"])


@dataclass(frozen=True, slots=True)
class Event:
    """One that others act on."""

    topic: str
    key: bytes
    value: bytes


class Network:
    """The packaged model in eager torch."""

    def __init__(self) -> None:
        version = checkpoint.read(checkpoint.PACKAGED)
        self.manifest = version.manifest
        self.decode = version.manifest.input.preprocess().decode
        self._network = unfolded(version).to(memory_format=torch.channels_last)
        self._mean = torch.tensor(self.manifest.input.mean).view(1, 3, 1, 1)
        self._std = torch.tensor(self.manifest.input.std).view(1, 3, 1, 1)

    @torch.inference_mode()
    def predict(self, images: Sequence[Pixels]) -> list[Scores]:
        """Each image's probability for each label."""
        pixels = torch.stack([torch.from_numpy(each) for each in images])
        inputs = ((pixels.float() / 255 - self._mean) / self._std).to(memory_format=torch.channels_last)
        rows = torch.sigmoid(self._network(inputs) / self.manifest.temperature).tolist()
        return [dict(zip(self.manifest.labels, row, strict=True)) for row in rows]

    def document(self, upload: Upload, scores: Scores) -> dict[str, Any]:
        """What the store keeps of it."""
        return {
            "_id": upload.image_id,
            "bucket": upload.bucket,
            "key": upload.key,
            "scores": dict(scores),
            "tags": self.tags(scores),
            "model": self.manifest.ref.model_dump(),
            "scored_at": datetime.now(UTC),
        }

    def tags(self, scores: Scores) -> list[str]:
        """The labels that hold."""
        return [label for label, value in scores.items() if value >= self.manifest.thresholds[label]]

    def events(self, upload: Upload, scores: Scores) -> list[Event]:
        """Of every photograph its tags, and of some of them one for those who act on a tag."""
        tags = self.tags(scores)
        said = {"image_id": upload.image_id, "scores": dict(scores), "tags": tags}
        value, key = json.dumps(said).encode(), upload.image_id.encode()
        holding = tags or ["uncertain"]
        routes = [route.topic for route in self.manifest.routes if route.label in holding]
        return [Event(topic, key, value) for topic in (topics.TAGGED, *routes)]
