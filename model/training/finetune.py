"""Fine-tuning: every layer of the backbone, from the probed head, choosing by what `val` says."""

from __future__ import annotations

import math
import sys
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn

from model.networks import backbones
from model.training.checkpoints import Checkpoints
from model.training.objective import Objective, positive_weights
from model.training.pictures import Pictures
from model.training.randomness import seed_step
from model.training.rates import Schedule
from model.training.recipe import Recipe
from model.training.sampling import Sampler, TrainingBatch
from model.training.train_state import StateDict, TrainState, blend, copied
from model.training.watch import OptimizerStep, Validation, Watch
from schemas.errors import ConfigurationError

TINY_EPOCH: Final = 10
"""Steps: a shorter epoch is no reason for a checkpoint, writing it would take longer than the epoch."""
NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)


PROBE: Final = "probe"
PROBE_ALONE: Final = (
    "No epoch was better on val than the probe: the backbone is as it came, its head alone was fitted. Try a "
    "lower --rate, more --epochs, a weaker --augment, or more photographs for val, which may be too few."
)


@dataclass(frozen=True, slots=True)
class Trained:
    """The weights with the lowest loss on `val`, and everything that was tried."""

    state: StateDict
    trials: tuple[Validation, ...]
    steps: int

    @property
    def chosen(self) -> Validation:
        """The trial whose weights were kept."""
        return min(self.trials, key=lambda trial: trial.loss)

    @property
    def advice(self) -> str:
        """What to try where nothing that was learned is better than the probe; else empty."""
        return PROBE_ALONE if self.chosen.name == PROBE else ""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a training is run. None of it changes what comes of it."""

    loaders: int = 1
    """Threads that make batches ahead."""
    checkpoints: Checkpoints | None = None
    every: int = 100
    """Steps from one checkpoint to the next; the end of an epoch is one too."""


class FineTuning:
    """One run. It changes `network`; the chosen weights are in what `run` returns."""

    def __init__(self, network: nn.Module, *, recipe: Recipe, train: Pictures, val: Pictures) -> None:
        self.network = network
        self.recipe = recipe
        self.val = val
        self.device = next(network.parameters()).device
        self.sampler = Sampler(train, recipe=recipe)
        self.objective = _objective(recipe, train=train, chances=self.sampler.chances)
        self.epoch = max(1, math.ceil(len(train) / recipe.batch_size))
        """In steps."""
        self.total = min(self.epoch * recipe.epochs, recipe.max_steps or sys.maxsize)
        self.frozen = min(self.epoch * recipe.freeze_epochs, self.total)
        self.schedule = Schedule(self.total, recipe.warm_up, frozen=self.frozen)
        self.train_state = TrainState(network, recipe=recipe)
        self.kept = 0
        """The step of the last checkpoint."""

    def run(self, watch: Watch | None = None, *, pace: RunOptions | None = None) -> Trained:
        """Train all epochs, try the average after each, then its blends with the weights it started from."""
        watch, pace = watch or Watch(), pace or RunOptions()
        self.kept = self.train_state.step
        if not self.train_state.trials:
            self._try(PROBE, network=self.network, watch=watch)
            self._keep(pace)
        self._train(watch, pace=pace)
        self._blends(watch)
        return Trained(self.train_state.best, tuple(self.train_state.trials), steps=self.train_state.step)

    def learn(self, batch: TrainingBatch) -> OptimizerStep:
        """The next step of the optimizer. Raises `ConfigurationError` where loss or gradient is no number."""
        step = self.train_state.step
        seed_step(self.recipe.seed, step=step, device=self.device)
        self.schedule.apply(self.train_state.optimizer, step=step)
        self._set_learning(body=step >= self.frozen)
        loss = self._descend(batch)
        self.train_state.average.update_parameters(self.network)
        self.train_state.step += 1
        return OptimizerStep(
            number=step + 1,
            of=self.total,
            epoch=step // self.epoch + 1,
            loss=loss,
            rate=self.recipe.head_rate * self.schedule.factor(step, body=False),
            body_rate=self.recipe.body_rate * self.schedule.factor(step, body=True),
            images=len(batch.images),
        )

    def _train(self, watch: Watch, *, pace: RunOptions) -> None:
        steps = range(self.train_state.step, self.total)
        with closing(self.sampler.batches(steps, threads=pace.loaders)) as batches:
            while not self._over():
                watch.on_step(self.learn(next(batches)))
                if self._ends_epoch():
                    self._try(self._name(), network=self.train_state.average.module, watch=watch)
                if self._is_due(pace):
                    self._keep(pace)

    def _over(self) -> bool:
        """Whether all steps are done, or nothing got better for as many epochs as patience lasts."""
        done, rest = divmod(self.train_state.step, self.epoch)
        if self.train_state.step >= self.total:
            return True
        best = max(self.train_state.best_trial, self.recipe.freeze_epochs)
        return self.recipe.patience is not None and not rest and done - best >= self.recipe.patience

    def _ends_epoch(self) -> bool:
        return self.train_state.step % self.epoch == 0 or self.train_state.step == self.total

    def _name(self) -> str:
        done, rest = divmod(self.train_state.step, self.epoch)
        return f"step {self.train_state.step}" if rest else f"epoch {done}"

    def _descend(self, batch: TrainingBatch) -> float:
        """The loss of `batch`, and one step down its gradient."""
        loss = self._loss(batch)
        self.train_state.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        found = float(loss.detach())
        if not (math.isfinite(found) and math.isfinite(float(norm))):
            raise self._diverged(found)
        self.train_state.optimizer.step()
        return found

    def _loss(self, batch: TrainingBatch) -> Tensor:
        inputs = self.recipe.inputs.normalised(batch.images.to(self.device, non_blocking=True))
        with self._precision():
            predicted = self.network(inputs)
        return self.objective.loss(predicted.float(), batch.taught.to(self.device))

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16")

    def _set_learning(self, *, body: bool) -> None:
        """Train mode, of the whole or of the head alone; the norms' statistics as the recipe wants."""
        head = backbones.head(self.network)
        self.network.train(body)
        head.train()
        for parameter in self.network.parameters():
            parameter.requires_grad_(body)
        head.requires_grad_(requires_grad=True)
        if self.recipe.norms == "frozen":
            for module in self.network.modules():
                if isinstance(module, NORMS):
                    module.eval()

    def _diverged(self, loss: float) -> ConfigurationError:
        step = self.train_state.step
        body, head = (self.schedule.factor(step, body=each) for each in (True, False))
        return ConfigurationError(
            f"the loss is {loss:g} at step {step + 1}, or its gradient is no number (rate "
            f"{self.recipe.body_rate * body:.2g}, of the head {self.recipe.head_rate * head:.2g}): lower "
            "--rate and --head-rate and start with --fresh; the last good checkpoint is kept"
        )

    def _try(self, name: str, *, network: nn.Module, watch: Watch) -> None:
        predicted = self.recipe.inputs.logits(network, self.val.images)
        objective = self.recipe.objective
        loss, right = objective.weighted(predicted, self.val), objective.accuracy(predicted, self.val)
        trial = Validation(name, loss, top_accuracy=right, step=self.train_state.step)
        self.train_state.add(trial, network=network)
        watch.on_validation(trial)

    def _blends(self, watch: Watch) -> None:
        tuned = copied(self.train_state.average.module)
        for share in self.recipe.blends:
            self.network.load_state_dict(blend(self.train_state.start, tuned, share=share))
            self._try(f"{share:.0%} of the last epoch", network=self.network, watch=watch)

    def _is_due(self, pace: RunOptions) -> bool:
        """Whether the last checkpoint is long ago, or an epoch ends; tiny epochs share one."""
        since = self.train_state.step - self.kept
        least = min(pace.every, TINY_EPOCH) if self._ends_epoch() else pace.every
        return since >= least or self.train_state.step == self.total

    def _keep(self, pace: RunOptions) -> None:
        self.kept = self.train_state.step
        if pace.checkpoints is not None:
            pace.checkpoints.keep(self.train_state.saved())


def _objective(recipe: Recipe, *, train: Pictures, chances: Tensor) -> Objective:
    if not recipe.positive_weights or recipe.task == "single_label":
        return recipe.objective
    weights = positive_weights(train.targets, chances=chances)
    return replace(recipe.objective, positive_weights=weights)
