"""A linear probe on the backbone as it came: the baseline to beat, and the head that fine-tuning starts from.

Fine-tuning from a random head distorts features that were good; from a probed head it keeps what
generalises (Kumar et al. 2022, "Fine-tuning can distort pretrained features").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.training.evaluation import batches
from model.training.pictures import Pictures

PENALTY = 3e-3
"""L2 on the standardised weights."""


def probe(network: nn.Module, pictures: Pictures, *, size: int) -> None:
    """Fit the head of `network` to `pictures`, in place, the backbone untouched."""
    features = _features(network, images=pictures.images, size=size)
    mean, spread = features.mean(0), features.std(0) + 0.05
    weight, bias = _logistic((features - mean) / spread, pictures=pictures)
    head = _head(network)
    with torch.no_grad():
        head.weight.copy_((weight / spread[:, None]).T)
        head.bias.copy_(bias - (mean / spread) @ weight)


def _head(network: nn.Module) -> nn.Linear:
    head = network.get_submodule("classifier.1")
    if not isinstance(head, nn.Linear):
        raise TypeError(f"classifier.1 is a {type(head).__name__}, not a linear layer")
    return head


@torch.inference_mode()
def _features(network: nn.Module, *, images: Tensor, size: int) -> Tensor:
    """Float (N, C): what the head sees of each picture."""
    network.eval()
    backbone = network.get_submodule("features")
    return torch.cat(
        [backbone(inputs).mean((2, 3)).float().cpu() for inputs in batches(network, images, size=size)]
    )


def _logistic(features: Tensor, *, pictures: Pictures) -> tuple[Tensor, Tensor]:
    """Weight (C, labels) and bias (labels,) of the penalised logistic regressions, one a label."""
    features, targets = features.clone(), pictures.ranked
    weight = torch.zeros(features.shape[1], targets.shape[1], requires_grad=True)
    bias = torch.zeros(targets.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        fit = functional.binary_cross_entropy_with_logits(features @ weight + bias, targets)
        total = fit + PENALTY / 2 * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()
