"""CUDA graphs by batch size: a network's launches are recorded once a size, and replayed in one call.

A small network on a large GPU waits for the processor, which launches some hundred kernels a forward; a graph
launches them all. Its shapes are fixed, so a batch is filled up to the next power of two.

`recorded` was written without a GPU at hand, and no GPU has run it yet: where recording fails, launches stay
one by one, and the golden and borderline pictures are scored through it before a worker takes any work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
import torch
from torch import Tensor

log = structlog.get_logger(__name__)

Forward = Callable[[Tensor], Tensor]
"""From a batch (N, C, H, W), channels last, to its results (N, ...)."""

Record = Callable[[Forward, Tensor], Forward]
"""A forward for batches of the example's shape, recorded."""

REHEARSALS: Final = 3
"""Before a recording: libraries choose their algorithms and take their memory in the first ones."""


class RecordedBySize:
    """`forward`, recorded for each power of two. The results are valid until the next call."""

    def __init__(self, forward: Forward, *, record: Record) -> None:
        self._forward = forward
        self._record = record
        self._recorded: dict[int, Forward] = {}

    def __call__(self, batch: Tensor) -> Tensor:
        """The results of `batch`, one row an item; out of memory leaves as it is."""
        size = power_of_two(len(batch))
        filled = _filled(batch, size=size)
        if size not in self._recorded:
            self._recorded[size] = self._recording(filled)
        return self._recorded[size](filled)[: len(batch)]

    def _recording(self, example: Tensor) -> Forward:
        try:
            return self._record(self._forward, example)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("model.without_cuda_graphs", batch=len(example), error=str(error).splitlines()[0])
            return self._forward


def power_of_two(count: int) -> int:
    """The smallest one that is not below `count`, which is 1 or more."""
    return 1 << (count - 1).bit_length()


def _filled(batch: Tensor, *, size: int) -> Tensor:
    if len(batch) == size:
        return batch
    filled = batch.new_zeros((size, *batch.shape[1:])).contiguous(memory_format=torch.channels_last)
    filled[: len(batch)] = batch
    return filled


def recorded(forward: Forward, example: Tensor) -> Forward:
    """`forward` of batches like `example` as a CUDA graph.

    Rehearsed on a stream of its own, as torch asks (docs: "CUDA semantics", CUDA graphs).
    """
    inputs = example.clone()
    rehearsing = torch.cuda.Stream(inputs.device)  # type: ignore[no-untyped-call]
    rehearsing.wait_stream(torch.cuda.current_stream(inputs.device))
    with torch.cuda.stream(rehearsing):
        for _ in range(REHEARSALS):
            forward(inputs)
    torch.cuda.current_stream(inputs.device).wait_stream(rehearsing)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = forward(inputs)

    def replayed(batch: Tensor) -> Tensor:
        inputs.copy_(batch, non_blocking=True)
        graph.replay()
        return results

    return replayed
