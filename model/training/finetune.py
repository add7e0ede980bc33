"""Fine-tuning: every layer of the backbone, from the probed head, choosing by what `val` says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from model.training.evaluation import logits, normalised, top_accuracy, weighted_loss
from model.training.pictures import Pictures, Tick, silent
from model.training.recipe import Recipe
from model.training.sampling import Batch, Sampler

State = dict[str, Tensor]

BLENDS = (1.0, 0.75, 0.5)
"""How much of the fine-tuned weights, the rest being the probe's: the blend often travels better to new
sources than either (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models")."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Weights that were tried on `val`."""

    name: str
    loss: float
    top_accuracy: float


Note = Callable[[Trial], None]
"""Told of each trial as it is done."""


def unnoted(trial: Trial) -> None:
    """A `Note` that goes nowhere."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The weights with the lowest loss on `val`, and everything that was tried."""

    state: State
    trials: tuple[Trial, ...]

    @property
    def chosen(self) -> Trial:
        """The trial whose weights were kept."""
        return min(self.trials, key=lambda trial: trial.loss)


class FineTuning:
    """One run. It changes `network`; the chosen weights are in what `run` returns."""

    def __init__(self, network: nn.Module, *, recipe: Recipe, train: Pictures, val: Pictures) -> None:
        self.network = network
        self.recipe = recipe
        self.train = train
        self.val = val
        self.steps = max(1, math.ceil(len(train) / recipe.batch_size))
        self.trials: list[Trial] = []
        self.best: State = {}
        self.average = AveragedModel(network, multi_avg_fn=_decaying(recipe.average))
        self.optimizer = torch.optim.AdamW(list(_groups(network, recipe=recipe)), weight_decay=recipe.decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate())

    def run(self, tick: Tick = silent, *, note: Note = unnoted) -> Trained:
        """Train all epochs, try the average after each, then its blends with the weights it started from."""
        start = _copy(self.network)
        self._try("probe", network=self.network, note=note)
        sampler = Sampler(self.train, recipe=self.recipe)
        for epoch in range(self.recipe.epochs):
            self._epoch(sampler, epoch=epoch, tick=tick)
            self._try(f"epoch {epoch + 1}", network=self.average.module, note=note)
        self._blends(start, tuned=_copy(self.average.module), note=note)
        return Trained(state=self.best, trials=tuple(self.trials))

    def _epoch(self, sampler: Sampler, *, epoch: int, tick: Tick) -> None:
        for step in range(self.steps):
            _learning(self.network)
            self._step(sampler.draw())
            tick("training", epoch * self.steps + step + 1, self.recipe.epochs * self.steps)

    def _step(self, batch: Batch) -> None:
        device = next(self.network.parameters()).device
        predicted = self.network(normalised(batch.images.to(device)))
        loss = functional.binary_cross_entropy_with_logits(predicted, batch.targets.to(device))
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.average.update_parameters(self.network)

    def _try(self, name: str, *, network: nn.Module, note: Note) -> None:
        predicted = logits(network, self.val.images, size=self.recipe.size)
        trial = Trial(name, weighted_loss(predicted, self.val), top_accuracy(predicted, self.val))
        if not self.trials or trial.loss < min(earlier.loss for earlier in self.trials):
            self.best = _copy(network)
        self.trials.append(trial)
        note(trial)

    def _blends(self, start: State, *, tuned: State, note: Note) -> None:
        for share in BLENDS[1:]:
            self.network.load_state_dict(_blend(start, tuned, share=share))
            self._try(f"{share:.0%} of the last epoch", network=self.network, note=note)

    def _rate(self) -> Callable[[int], float]:
        """The factor of the rates at each step: up in a line, down in a cosine."""
        total = self.steps * self.recipe.epochs
        rise = max(1, round(total * self.recipe.warm_up))

        def factor(step: int) -> float:
            if step < rise:
                return (step + 1) / rise
            return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))

        return factor


def _decaying(average: float) -> Callable[..., Any]:
    decaying: Callable[..., Any] = get_ema_multi_avg_fn(average)  # type: ignore[no-untyped-call]
    return decaying


def _learning(network: nn.Module) -> None:
    """Train mode, the statistics of the batch norms staying as they came: a batch here is no fair sample."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def _groups(network: nn.Module, *, recipe: Recipe) -> Iterator[dict[str, object]]:
    """Parameter groups with a rate each: the head's, then the backbone's, lower towards the first layer."""
    yield from _group(network.get_submodule("classifier"), rate=recipe.head_rate)
    layers = list(network.get_submodule("features").children())
    for depth, layer in enumerate(layers, start=1):
        yield from _group(layer, rate=recipe.body_rate * (0.2 + 0.8 * depth / len(layers)))


def _group(layer: nn.Module, *, rate: float) -> Iterator[dict[str, object]]:
    matrices = [parameter for parameter in layer.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in layer.parameters() if parameter.ndim <= 1]
    if matrices:
        yield {"params": matrices, "lr": rate}
    if vectors:
        yield {"params": vectors, "lr": rate, "weight_decay": 0.0}


def _copy(network: nn.Module) -> State:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _blend(start: State, tuned: State, *, share: float) -> State:
    return {
        name: torch.lerp(start[name], tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in tuned.items()
    }
