"""Search for borderline pictures: gradient ascent from drawn pictures, then bisection along the way.

Gradient ascent on a label's log-odds (Simonyan et al. 2013, "Deep inside convolutional networks") finds, for
each drawn picture and each label, a picture that the network takes for one of that label; somewhere between
the two lies the threshold. Nothing of anybody's photographs is in them. Where no such picture is found, there
are fewer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model.checkpoint import Version
from model.data.progress import Tick, silent
from model.manifest import Manifest, Task
from model.preprocess import Pixels
from model.runtimes.torch_runtime import TorchRuntime, normalisation, unfolded
from model.serving.borderline import FARTHEST, NEAREST, SIDE, WHOLE, Borderline, blended, repeated
from model.serving.borderline_check import probabilities_of
from model.serving.classifier import Classifier

STEPS: Final = 32
STEP: Final = 8.0
"""Of 255, for each pixel."""
MOMENTUM: Final = 0.7
BEYOND: Final = 1.0
"""Log-odds beyond the threshold at which the ascent ends."""

BISECTIONS: Final = 12
WIDENINGS: Final = 10
OF_EACH: Final = 24
"""Blends tried around each threshold that is crossed."""


def found(version: Version, *, tick: Tick = silent) -> bytes:
    """The file of `version`'s borderline pictures; empty where there is none. Half a minute of a processor.

    The search is run by what serves; what it found is scored by torch in fp32.
    """
    classifier = Classifier.of(version, device="cpu", runtime="openvino" if version.graph else "torch")
    drawn = _drawn(version)
    network = unfolded(version).requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)
    pictures, blends, decided = [*drawn], [], []
    for place in range(len(classifier.labels)):
        climbed = _climbed(_LogOdds(network, version.manifest, place), drawn)
        for first, picture in enumerate(climbed):
            pair = _Pair(classifier, drawn[first], picture, place=place)
            weights = pair.near_the_threshold()
            blends += [(first, len(pictures), weight) for weight in weights]
            decided += [place] * len(weights)
            pictures += [picture]
        tick("looking for borderline pictures", place + 1, len(classifier.labels))
    if not blends:
        return b""
    unscored = Borderline(
        np.stack(pictures),
        np.array(blends, np.int32),
        np.array(decided, np.int32),
        np.zeros((len(blends), len(classifier.labels))),
    )
    reference = Classifier(version, TorchRuntime(version, device="cpu"))
    return replace(unscored, probabilities=probabilities_of(unscored, by=reference)).encoded()


def _drawn(version: Version) -> npt.NDArray[np.uint8]:
    """The golden pictures, small: (P, 3, SIDE, SIDE)."""
    preprocess = version.manifest.input.preprocess()
    full = torch.stack([torch.from_numpy(preprocess.decode(png)) for png in version.golden.values()])
    small: npt.NDArray[np.uint8] = nn.functional.adaptive_avg_pool2d(full.float(), SIDE).byte().numpy()
    return small


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two pictures with the threshold of the label at `place` between them, if all is well."""

    classifier: Classifier
    first: Pixels
    second: Pixels
    place: int

    def near_the_threshold(self) -> list[int]:
        """Weights of the second picture at which the probability is near the threshold, on both sides."""
        if self._distances([0])[0] >= 0 or self._distances([WHOLE])[0] < 0:
            return []
        crossing = self._crossing()
        ends = [crossing + way * self._reach(crossing, way) for way in (-1, 1)]
        tried = [np.linspace(crossing, end, OF_EACH // 2) for end in ends]
        weights = sorted({int(weight) for weight in np.concatenate(tried).round() if 0 <= weight <= WHOLE})
        away = np.abs(self._distances(weights))
        return [weight for weight, far in zip(weights, away, strict=True) if NEAREST <= far <= FARTHEST]

    def _crossing(self) -> int:
        below, above = 0, WHOLE
        for _ in range(BISECTIONS):
            middle = (below + above) // 2
            if self._distances([middle])[0] < 0:
                below = middle
            else:
                above = middle
        return above

    def _reach(self, crossing: int, way: int) -> int:
        """How far from the crossing the probability stays near it, that way: it may be steep on one side."""
        reach = 4
        for _ in range(WIDENINGS):
            end = min(max(crossing + way * 2 * reach, 0), WHOLE)
            if abs(self._distances([end])[0]) > FARTHEST:
                break
            reach *= 2
        return reach

    def _distances(self, weights: list[int]) -> npt.NDArray[np.float64]:
        side, label = self.classifier.preprocess.size, self.classifier.labels[self.place]
        mixed = [blended(self.first, self.second, weight, side=side) for weight in weights]
        scores = self.classifier.forward(mixed)
        return np.array([each.probabilities[label] for each in scores]) - self._threshold

    @property
    def _threshold(self) -> float:
        return self.classifier.manifest.thresholds[self.classifier.labels[self.place]]


def _climbed(odds: _LogOdds, drawn: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Each drawn picture, changed until the network gives it the label of `odds`, or until STEPS are over."""
    aim = _aim(odds.manifest, odds.place)
    pictures = torch.from_numpy(drawn).float()
    velocity = torch.zeros_like(pictures)
    below = list(range(len(pictures)))
    for _ in range(STEPS):
        values, slopes = odds.with_slopes(pictures[below])
        velocity[below] = MOMENTUM * velocity[below] + slopes
        below = [row for row, value in zip(below, values, strict=True) if value < aim]
        if not below:
            break
        pictures[below] = (pictures[below] + STEP * velocity[below].sign()).clamp(0, 255)
    climbed: npt.NDArray[np.uint8] = pictures.byte().numpy()
    return climbed


def _aim(manifest: Manifest, place: int) -> float:
    threshold = min(max(manifest.thresholds[manifest.labels[place]], 0.001), 0.999)
    return float(np.log(threshold / (1 - threshold))) + BEYOND


@dataclass(frozen=True, slots=True)
class _LogOdds:
    """A label's log-odds of small pictures (N, 3, SIDE, SIDE), and where they rise."""

    network: nn.Module
    manifest: Manifest
    place: int

    def with_slopes(self, small: Tensor) -> tuple[list[float], Tensor]:
        """The log-odds of each, and the gradient in units of its mean: (N, 3, SIDE, SIDE)."""
        small = small.clone().requires_grad_()
        values = _odds(self._logits(small), self.place, task=self.manifest.task)
        (gradient,) = torch.autograd.grad(values.sum(), small)
        size = gradient.abs().mean((1, 2, 3), keepdim=True).clamp_min(torch.finfo(gradient.dtype).tiny)
        return values.tolist(), gradient / size

    def _logits(self, small: Tensor) -> Tensor:
        places = torch.from_numpy(repeated(self.manifest.input.size))
        scale, shift = normalisation(self.manifest, device=small.device)
        enlarged = small[:, :, places][:, :, :, places] * scale + shift
        logits: Tensor = self.network(enlarged.contiguous(memory_format=torch.channels_last))
        return logits / self.manifest.temperature


def _odds(logits: Tensor, place: int, *, task: Task) -> Tensor:
    """(N,): the logarithm of p / (1 - p)."""
    if task != "single_label":
        return logits[:, place]
    others = torch.cat([logits[:, :place], logits[:, place + 1 :]], dim=1)
    return logits[:, place] - others.logsumexp(1)
