"""The alternatives by name: which library each wants, and how it is started."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.suite.environment import python_with
from benchmarks.suite.programs import Program, alternative

_FAUST: Final = ("worker", "-l", "warn", "--without-web")


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of `benchmarks/alternatives`."""

    name: str
    about: str
    module: str
    arguments: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    """Of requirements.txt, the first one its own; none where the product's environment has it."""
    is_batch: bool = False

    def program(self) -> Program:
        """Ready to be started, its library installed; raises `NotInstalled`."""
        python = python_with(*self.libraries) if self.libraries else Path(sys.executable)
        return alternative(
            self.name, self.about, self.module, *self.arguments, python=python, is_batch=self.is_batch
        )


ALTERNATIVES: Final = (
    Alternative("Faust, an event at a time", "an agent over `stream`", "faust_naive", _FAUST),
    Alternative("Faust, take(32)", "`stream.take(32)`, its I/O gathered", "faust_take", _FAUST),
    Alternative("Quix Streams", "a dataframe, its MongoDB sink", "quix_streams", libraries=("quixstreams",)),
    Alternative(
        "aiokafka + LitServe",
        "batches of events, a model server",
        "litserve_consumer",
        libraries=("litserve", "python-multipart"),
    ),
    Alternative(
        "aiokafka + Ray Serve", "batches of events, a deployment", "ray_consumer", libraries=("ray",)
    ),
    Alternative(
        "Daft", "backfill: no broker, no tag events", "daft_backfill", libraries=("daft",), is_batch=True
    ),
)

REFUSED: Final = {
    "Triton": (
        "`tritonserver` is a placeholder on PyPI; nvidia-pytriton 0.7.0 installs and starts, but its"
        " embedded Python fails at a model beside Python 3.11.7 (`'_thread.RLock' object has no attribute"
        " '_recursion_count'`)"
    ),
}
"""What was tried and is not among them, and what said no."""
