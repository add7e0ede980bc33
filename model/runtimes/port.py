"""ModelRuntime port: pixels to logits, whatever library runs the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from model.preprocess import Pixels

Logits = npt.NDArray[np.float32]
"""(N, labels), before the temperature."""

RuntimeName = Literal["auto", "openvino", "torch"]
"""auto: torch on a GPU, else OpenVINO, and torch where OpenVINO cannot run the network."""


class ModelRuntime(Protocol):
    """A network that is resident on a device. All of it belongs to one thread."""

    @property
    def library(self) -> str:
        """What runs it, with its version, as in `openvino 2026.4.1`."""

    @property
    def device(self) -> str:
        """Where it runs, as in `cpu` or `cuda:0`."""

    @property
    def hardware(self) -> str:
        """The device's make, as in `AMD EPYC 9B45` or `NVIDIA H100 80GB HBM3`."""

    @property
    def precision(self) -> Literal["f32", "f16"]:
        """In which it multiplies."""

    @property
    def threads(self) -> int:
        """Of the processor, in a forward."""

    def logits(self, images: Sequence[Pixels]) -> Logits:
        """One row an image, in order; one image or more, on a GPU as one batch. Blocks.

        Out of memory (see `is_out_of_memory`) and the device's own errors leave as they are.
        """

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether `error` says that the batch was too large for the device's memory."""
