"""State-dict loading by name, the same way for serving and for training."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor, nn

from schemas.errors import ConfigurationError

NAMED: Final = 3
"""So many tensors an error names."""

LAYOUT: Final = {"": {"version": 2}}
"""MNASNet refuses tensors that do not say the version of their layout; this is today's."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The names that a network has and the tensors had not, and the other way round."""

    lacking: tuple[str, ...]
    foreign: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.lacking or self.foreign)

    def __str__(self) -> str:
        kinds = ((self.lacking, "are missing"), (self.foreign, "are foreign"))
        return "; ".join(
            f"{len(names)} tensors {kind}, among them {', '.join(names[:NAMED])}"
            for names, kind in kinds
            if names
        )


def load(network: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> Mismatch:
    """Copy what fits by name into `network`, fp16 widened, and say what did not.

    Tensors of integers (counters, indices) are made with the network: none is lacking. Raises
    `ConfigurationError` where a tensor has another shape than the network's of that name.
    """
    state: Any = OrderedDict(tensors)
    state._metadata = getattr(tensors, "_metadata", LAYOUT)  # noqa: SLF001 - where torch looks for it
    try:
        found = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        problem = str(error).splitlines()[-1].strip()
        raise ConfigurationError(f"{source}: {problem}") from error
    own = network.state_dict()
    lacking = (name for name in found.missing_keys if own[name].is_floating_point())
    return Mismatch(tuple(lacking), tuple(found.unexpected_keys))
