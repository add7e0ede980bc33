"""Predictions of a version beside the ground truth: all figures are taken from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from model.data.photograph import Photograph
from model.manifest import Task


@dataclass(frozen=True, slots=True)
class Predictions:
    """N photographs as one version saw them. A negative has no tags at all: it is none of the labels."""

    task: Task
    labels: tuple[str, ...]
    thresholds: Mapping[str, float]
    photographs: tuple[Photograph, ...]
    probabilities: Tensor
    """Float64 (N, labels)."""
    brightness: Tensor
    """Float (N,): the mean luma of what the network was fed, 0 to 1."""
    sides: Tensor
    """Int (N,): the longer side of the file's image, in pixels."""
    refusal: float = 0.0
    """A photograph on which no label reaches this gets no tag."""
    unreadable: tuple[str, ...] = ()
    """One line a file that could not be decoded: it is left out, and said."""

    def __len__(self) -> int:
        return len(self.photographs)

    @property
    def classes(self) -> tuple[str, ...]:
        """What an answer may be: the labels; of a binary task the label and its absence."""
        return (*self.labels, f"not {self.labels[0]}") if self.task == "binary" else self.labels

    @property
    def targets(self) -> Tensor:
        """Bool (N, labels): the true tags; of a single-label task the main one alone."""
        rows = [[self._is_true(photo, label) for label in self.labels] for photo in self.photographs]
        return torch.tensor(rows, dtype=torch.bool).view(len(self), len(self.labels))

    @property
    def counted(self) -> Tensor:
        """Bool (N, labels): the verdicts that count; those that may be either way are neither."""
        rows = [[label not in photo.maybe for label in self.labels] for photo in self.photographs]
        return torch.tensor(rows, dtype=torch.bool).view(len(self), len(self.labels))

    @property
    def mains(self) -> Tensor:
        """Int (N,): the class that is right, -1 for a negative."""
        index = {label: i for i, label in enumerate(self.labels)}
        if self.task == "binary":
            return torch.tensor(
                [int(self.labels[0] not in p.labels) if p.labels else -1 for p in self.photographs]
            )
        return torch.tensor([index.get(photo.main, -1) for photo in self.photographs])

    @property
    def known(self) -> Tensor:
        """Bool (N,): which are no negatives."""
        return self.mains >= 0

    @property
    def none(self) -> Tensor:
        """Bool (N,): which are none of the labels beyond doubt."""
        return ~self.known & self.counted.all(1)

    @property
    def several(self) -> Tensor:
        """Bool (N,): which have two tags or more."""
        return self.targets.sum(1) > 1

    @property
    def judged(self) -> Tensor:
        """Bool (N,): whose top label is right or wrong: no negative, and no top label that may be either."""
        counted = self.counted if self.task == "binary" else self.counted.gather(1, self.tops[:, None])
        return self.known & counted[:, 0]

    @property
    def tops(self) -> Tensor:
        """Int (N,): the class of the highest probability; of a binary task, what the threshold says."""
        return (~self.tagged[:, 0]).long() if self.task == "binary" else self.probabilities.argmax(1)

    @property
    def tagged(self) -> Tensor:
        """Bool (N, labels): at or above its threshold, and not refused; of single labels the highest."""
        least = torch.tensor([self.thresholds[label] for label in self.labels], dtype=torch.float64)
        above = (self.probabilities >= least) & (self.probabilities.amax(1, keepdim=True) >= self.refusal)
        return above & highest(self.probabilities) if self.task == "single_label" else above

    @property
    def right(self) -> Tensor:
        """Bool (N,): whose top label is the main one."""
        return self.tops == self.mains

    @property
    def scores(self) -> Tensor:
        """Float64 (N, classes): the probability of each answer."""
        return (
            torch.cat([self.probabilities, 1 - self.probabilities], 1)
            if self.task == "binary"
            else self.probabilities
        )

    @property
    def answers(self) -> Tensor:
        """Bool (N, classes): which answers are right; of a negative none."""
        answers = torch.cat([self.targets, ~self.targets], 1) if self.task == "binary" else self.targets
        return answers & self.known[:, None]

    @property
    def confidence(self) -> Tensor:
        """Float64 (N,): the probability of the top label."""
        return self.scores.gather(1, self.tops[:, None])[:, 0]

    @property
    def top_true(self) -> Tensor:
        """Bool (N,): whose top label is one of the true tags."""
        return self.answers.gather(1, self.tops[:, None])[:, 0]

    @property
    def all_right(self) -> Tensor:
        """Bool (N,): whose tags are the true ones, none missing and none too many."""
        return ((self.tagged == self.targets) | ~self.counted).all(1)

    @property
    def f1(self) -> Tensor:
        """Float64 (N,): the F1 of each photograph's tags; 0 where there are none at all."""
        tagged = self.tagged & self.counted
        hits = (tagged & self.targets).sum(1).double()
        return 2 * hits / (tagged.sum(1) + self.targets.sum(1)).clamp(min=1)

    def select(self, places: Tensor) -> Self:
        """The photographs at `places`, int (n,)."""
        return replace(
            self,
            photographs=tuple(self.photographs[place] for place in places.tolist()),
            probabilities=self.probabilities[places],
            brightness=self.brightness[places],
            sides=self.sides[places],
            unreadable=(),
        )

    def _is_true(self, photo: Photograph, label: str) -> bool:
        return label == photo.main if self.task == "single_label" else label in photo.labels


def highest(probabilities: Tensor) -> Tensor:
    """Bool (N, labels): the highest of each row, of equals the first."""
    return torch.zeros_like(probabilities, dtype=torch.bool).scatter_(
        1, probabilities.argmax(1, keepdim=True), 1
    )
