"""Photographs that were judged, written down as rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from model.data.photograph import Photograph
from model.evaluation.predictions import Predictions
from model.manifest import Task

LABELS = ("ambiance", "food", "human")


def judged(
    rows: Sequence[Sequence[float]],
    tags: Sequence[tuple[str, ...]],
    *,
    labels: tuple[str, ...] = LABELS,
    task: Task = "multi_label",
    threshold: float = 0.5,
    sources: Sequence[str] = (),
    brightness: Sequence[float] = (),
    sides: Sequence[int] = (),
    maybe: Sequence[tuple[str, ...]] = (),
) -> Predictions:
    """A row of probabilities and the true tags of each photograph."""
    names, doubts = sources or [""] * len(rows), maybe or [()] * len(rows)
    return Predictions(
        task=task,
        labels=labels,
        thresholds=dict.fromkeys(labels, threshold),
        photographs=tuple(
            Photograph(Path(f"{i}.jpg"), labels=each, source=names[i], maybe=doubts[i])
            for i, each in enumerate(tags)
        ),
        probabilities=torch.tensor(rows, dtype=torch.float64),
        brightness=torch.tensor(brightness or [0.5] * len(rows), dtype=torch.float64),
        sides=torch.tensor(sides or [640] * len(rows)),
    )


def drawn(count: int, *, seed: int = 0, sources: int = 0, task: Task = "multi_label") -> Predictions:
    """Photographs of random tags, judged by something that is right more often than not."""
    generator = torch.Generator().manual_seed(seed)
    mains = torch.randint(3, (count,), generator=generator)
    noise = torch.rand(count, 3, generator=generator)
    also = torch.rand(count, 3, generator=generator) < 0.2
    rows = (noise * 0.6 + 0.4 * torch.nn.functional.one_hot(mains, 3)).tolist()
    tags = [
        (LABELS[main], *(LABELS[i] for i in range(3) if more[i] and i != main))
        for main, more in zip(mains.tolist(), also.tolist(), strict=True)
    ]
    names = [f"site {i % sources}" for i in range(count)] if sources else []
    return judged(rows, tags, sources=names, task=task)
