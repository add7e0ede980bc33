"""Training state: weights, their average, the optimizer and the trials so far; saved and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from model.training.checkpoints import CheckpointPart, Saved, Tensors
from model.training.rates import groups
from model.training.recipe import Recipe
from model.training.watch import Validation

StateDict = dict[str, Tensor]


class TrainState:
    """Weights, their average, the optimizer, and what was tried so far. It changes `network`."""

    def __init__(self, network: nn.Module, *, recipe: Recipe) -> None:
        self.network = network
        self.average = AveragedModel(
            network,
            multi_avg_fn=get_ema_multi_avg_fn(recipe.average),  # type: ignore[no-untyped-call]
            use_buffers=recipe.norms == "learned",
        )
        self.optimizer = AdamW(groups(network, recipe=recipe), weight_decay=recipe.decay)
        self.step = 0
        self.trials: list[Validation] = []
        self.start: StateDict = copied(network)
        """The weights before the first step."""
        self.best: StateDict = {}
        """Those of the trial with the lowest loss."""

    @property
    def best_trial(self) -> int:
        """Which of the trials that was; there is one."""
        losses = [trial.loss for trial in self.trials]
        return losses.index(min(losses))

    def add(self, trial: Validation, *, network: nn.Module) -> None:
        """Take the trial of `network` to the others, and its weights where it is the best."""
        self.trials.append(trial)
        if self.best_trial == len(self.trials) - 1:
            self.best = copied(network)

    def saved(self) -> Saved:
        """For a checkpoint; the tensors are those in use, so it is to be written before the next step."""
        state = {
            **{f"network.{name}": tensor for name, tensor in self.network.state_dict().items()},
            **{f"average.{name}": tensor for name, tensor in self.average.state_dict().items()},
            **_flat(self.optimizer),
        }
        parts = {
            "state": CheckpointPart(self.step, state),
            "best": CheckpointPart(self.best_trial, self.best),
            "start": CheckpointPart(0, self.start),
        }
        return Saved(self.step, tuple(self.trials), parts=parts)

    def resume(self, saved: Saved) -> None:
        """Stand where `saved` stood, to the bit."""
        state = saved.parts["state"].tensors
        self.network.load_state_dict(_under("network", state))
        self.average.load_state_dict(_under("average", state))
        _fill(self.optimizer, _under("optimizer", state))
        self.step, self.trials = saved.step, list(saved.trials)
        device = next(self.network.parameters()).device
        self.start = {name: tensor.to(device) for name, tensor in saved.parts["start"].tensors.items()}
        self.best = {name: tensor.to(device) for name, tensor in saved.parts["best"].tensors.items()}


def copied(network: nn.Module) -> StateDict:
    """The weights of `network`, which may change from now on."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def blend(start: Mapping[str, Tensor], tuned: Mapping[str, Tensor], *, share: float) -> StateDict:
    """`share` of `tuned` and the rest of `start`; counters are those of `tuned`."""
    return {
        name: torch.lerp(start[name], tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in tuned.items()
    }


def _flat(optimizer: Optimizer) -> StateDict:
    """Its state as tensors: `optimizer.INDEX.NAME`, the index counting parameters in the groups' order."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{index}.{name}": torch.as_tensor(value)
        for index, kept in state.items()
        for name, value in kept.items()
    }


def _fill(optimizer: Optimizer, tensors: Tensors) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = _like(parameters[int(index)], tensor)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _like(parameter: Tensor, tensor: Tensor) -> Tensor:
    """`tensor` laid out in memory as `parameter` is: another order of the sums would be another result."""
    return torch.empty_like(parameter).copy_(tensor) if tensor.shape == parameter.shape else tensor


def _under(prefix: str, tensors: Tensors) -> StateDict:
    return {
        name.removeprefix(f"{prefix}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{prefix}.")
    }
