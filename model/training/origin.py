"""What a training was begun with: the same must go on with it, or its result would be nobody's."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from importlib.metadata import version

import torch
from torch import nn

from model.data.dataset import Dataset
from model.training.checkpoints import Settings
from model.training.order import Order
from model.training.pictures import Pictures


def of_order(order: Order, *, device: torch.device) -> Settings:
    """The recipe, and what else moves the last bits of the weights: libraries, device, threads."""
    return {
        **asdict(order.recipe),
        "positive": order.positive,
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "device": device.type,
        "threads": torch.get_num_threads(),
    }


def of_data(data: Dataset, *, train: Pictures, val: Pictures) -> Settings:
    """The photographs, by their pixels, and their labels."""
    return {
        "data": data.digest,
        "pictures to learn from": _short(train.digest, _tags(train)),
        "pictures to choose by": _short(val.digest, _tags(val)),
    }


def of_weights(network: nn.Module) -> Settings:
    """The weights that training starts from, before the probe."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return {"weights": digest.hexdigest()[:12]}


def _tags(pictures: Pictures) -> str:
    return "\n".join(f"{photo.path.name}|{photo.labels}|{photo.source}" for photo in pictures.photographs)


def _short(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
