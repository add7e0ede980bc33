"""Linear probe on the backbone as it came: the baseline to beat, and the head that fine-tuning starts from.

Fine-tuning from a random head distorts features that were good; from a probed head it keeps what
generalises (Kumar et al. 2022, "Fine-tuning can distort pretrained features").
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from model.data.progress import Tick, silent
from model.networks import backbones
from model.training.inputs import BATCH
from model.training.pictures import Pictures
from model.training.recipe import Recipe
from model.training.supervision import Supervision

PENALTY: Final = 3e-3
"""L2 on the standardised weights."""
MOST: Final = 20_000
"""Pictures of a larger set are taken from all over it: a head needs no more, and memory is bounded."""


def probe(network: nn.Module, pictures: Pictures, *, recipe: Recipe, tick: Tick = silent) -> None:
    """Fit the head of `network` to `pictures`, in place, the backbone untouched."""
    chosen = torch.linspace(0, len(pictures) - 1, min(MOST, len(pictures))).round().long()
    features = _features(network, pictures.images, chosen=chosen, recipe=recipe, tick=tick)
    mean, spread = features.mean(0), features.std(0, correction=0) + 0.05
    taught = recipe.objective.supervision(pictures).of(chosen)
    weight, bias = _logistic((features - mean) / spread, taught, recipe=recipe)
    head = backbones.head(network)
    with torch.no_grad():
        head.weight.copy_((weight / spread[:, None]).T)
        head.bias.copy_(bias - (mean / spread) @ weight)


@torch.inference_mode()
def _features(network: nn.Module, images: Tensor, *, chosen: Tensor, recipe: Recipe, tick: Tick) -> Tensor:
    """Float (n, C): what the head sees of each of the chosen pictures."""
    network.eval()
    found: list[Tensor] = []
    for places in torch.split(chosen, BATCH):
        inputs = recipe.inputs.batches(network, images[places])
        found += [backbones.features(network, each).float().cpu() for each in inputs]
        tick("probing", min(len(found) * BATCH, len(chosen)), len(chosen))
    return torch.cat(found)


def _logistic(features: Tensor, taught: Supervision, *, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Weight (C, labels) and bias (labels,) of the penalised regression, by the task's own loss."""
    features, objective = features.clone(), recipe.objective
    labels = taught.targets.shape[1]
    weight = torch.zeros(features.shape[1], labels, requires_grad=True)
    bias = torch.zeros(labels, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        fitted = objective.loss(features @ weight + bias, taught)
        total = fitted + PENALTY / 2 * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()
