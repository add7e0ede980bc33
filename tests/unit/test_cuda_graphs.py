"""CUDA graphs by batch size: which sizes are recorded, whose result is whose, and what where none can be.

No GPU is at hand: `Tape` records as a CUDA graph does, for one shape and into tensors of its own.
"""

from __future__ import annotations

import pytest
import torch
from structlog.testing import capture_logs
from torch import Tensor

from model.runtimes.cuda_graphs import Forward, RecordedBySize, power_of_two


class Tape:
    """Keeps the sizes that it recorded; what it made runs on its own copy of the example."""

    def __init__(self, *, error: Exception | None = None) -> None:
        self.sizes: list[int] = []
        self._error = error

    def __call__(self, forward: Forward, example: Tensor) -> Forward:
        if self._error:
            raise self._error
        self.sizes.append(len(example))
        inputs, results = example.clone(), forward(example)

        def replayed(batch: Tensor) -> Tensor:
            inputs.copy_(batch)  # raises for another shape
            results.copy_(forward(inputs))
            return results

        return replayed


def doubled(batch: Tensor) -> Tensor:
    return 2 * batch.flatten(1)[:, :1]


def batch_of(count: int) -> Tensor:
    return torch.arange(1, count + 1).view(count, 1, 1, 1).expand(count, 3, 2, 2).contiguous()


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 2), (3, 4), (5, 8), (32, 32), (33, 64)])
def test_a_size_is_the_next_power_of_two(count: int, size: int) -> None:
    assert power_of_two(count) == size


def test_each_size_is_recorded_once_and_every_item_gets_its_own_result() -> None:
    tape = Tape()
    forward = RecordedBySize(doubled, record=tape)
    for count in (3, 4, 1, 3, 2, 4):
        assert forward(batch_of(count)).flatten().tolist() == [2 * n for n in range(1, count + 1)]
    assert tape.sizes == [4, 1, 2]


def test_where_nothing_can_be_recorded_launches_stay_one_by_one() -> None:
    forward = RecordedBySize(doubled, record=Tape(error=RuntimeError("operation not permitted\nmore")))
    with capture_logs() as lines:
        assert forward(batch_of(3)).flatten().tolist() == [2, 4, 6]
        assert forward(batch_of(4)).flatten().tolist() == [2, 4, 6, 8]
    assert [(line["event"], line["batch"], line["error"]) for line in lines] == [
        ("model.without_cuda_graphs", 4, "operation not permitted")
    ]


def test_out_of_memory_is_for_the_batcher() -> None:
    forward = RecordedBySize(doubled, record=Tape(error=torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(torch.OutOfMemoryError):
        forward(batch_of(3))
