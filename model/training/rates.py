"""Learning-rate schedule by layer: the head faster than the body, its last stages than its first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from model.networks import backbones
from model.training.recipe import Recipe

Group = dict[str, Any]
"""A parameter group of torch's, with `base`, its rate where the schedule is at its top, and `body`."""


def groups(network: nn.Module, *, recipe: Recipe) -> list[Group]:
    """The head's parameters, then the body's from the first stage to the last; vectors do not decay.

    Whatever is part of no stage learns as the first one does.
    """
    head = backbones.head(network)
    made = list(_groups(head.parameters(), rate=recipe.head_rate, body=False))
    stages = backbones.stages(network)
    first = recipe.layer_decay
    for depth, stage in enumerate(stages, start=1):
        rate = recipe.body_rate * (first + (1 - first) * depth / len(stages))
        made += _groups(stage.parameters(), rate=rate, body=True)
    seen = {id(parameter) for group in made for parameter in group["params"]}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in seen]
    return [*made, *_groups(rest, rate=recipe.body_rate * first, body=True)]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The factor of the rates at each step: up in a line, down in a cosine. It has no state."""

    total: int
    warm_up: float
    frozen: int = 0
    """Steps in which the body does not learn; its own rise begins after them."""

    def factor(self, step: int, *, body: bool) -> float:
        """Of the body's rates or the head's, in [0, 1]."""
        begins = self.frozen if body else 0
        if step < begins:
            return 0.0
        done, steps = step - begins, self.total - begins
        rise = max(1, round(steps * self.warm_up))
        if done < rise:
            return (done + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (done - rise) / max(1, steps - rise)))

    def apply(self, optimizer: Optimizer, *, step: int) -> None:
        """Give every group of `optimizer` its rate for `step`."""
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * self.factor(step, body=group["body"])


def _groups(parameters: Iterable[nn.Parameter], *, rate: float, body: bool) -> Iterator[Group]:
    kept = list(parameters)
    matrices = [parameter for parameter in kept if parameter.ndim > 1]
    vectors = [parameter for parameter in kept if parameter.ndim <= 1]
    shared = {"lr": rate, "base": rate, "body": body}
    if matrices:
        yield {"params": matrices, **shared}
    if vectors:
        yield {"params": vectors, "weight_decay": 0.0, **shared}
