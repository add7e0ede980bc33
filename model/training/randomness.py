"""Stateless randomness: a function of the seed, the step and the purpose, never of what ran before.

A training that goes on from a checkpoint draws what it would have drawn, with no generator's state kept; and
batches may be made ahead, by any number of threads, and come out the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import torch
from torch.overrides import TorchFunctionMode

DRAWING: Final[frozenset[Callable[..., Any]]] = frozenset(
    {
        torch.bernoulli,
        torch.multinomial,
        torch.normal,
        torch.rand,
        torch.randint,
        torch.randn,
        torch.randperm,
        torch.Tensor.bernoulli_,
        torch.Tensor.exponential_,
        torch.Tensor.normal_,
        torch.Tensor.random_,
        torch.Tensor.uniform_,
    }
)
"""What takes a generator, of all that torchvision's transforms draw with."""


def derived(*where: object) -> int:
    """A seed of 63 bits for a place that `where` names, like (seed, "batch", step)."""
    return int.from_bytes(hashlib.sha256(repr(where).encode()).digest()[:8]) >> 1


def seed_step(seed: int, *, step: int, device: torch.device) -> None:
    """What the network itself draws at `step`, like dropout: from the global generators, seeded for it."""
    number = derived(seed, "step", step)
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)


class Seeded(TorchFunctionMode):
    """Inside it, in this thread, torch draws from a generator of its own instead of the global one.

    torchvision's transforms take no generator, and the global one is shared by all threads.
    """

    def __init__(self, *where: object) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(derived(*where))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever `func` gives
        """Call `func`, with the generator where it draws."""
        given = dict(kwargs or {})
        if func in DRAWING and given.get("generator") is None:
            given["generator"] = self.generator
        return func(*args, **given)
