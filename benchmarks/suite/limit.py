"""The limit: decode and forward alone, in one thread, in batches of 16; no worker can cost less than both.

`python -m benchmarks.suite.limit FOLDER`, in a process of its own, prints one JSON document: of each folder
of photographs within, CPU milliseconds a photograph of the decoding, and of the forward by the product's own
classifier and by the same network in eager torch.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.suite.photographs import Kind

if TYPE_CHECKING:  # the process that only waits for the other one has no use for a model
    from benchmarks.alternatives.job import Network
    from model.serving.classifier import Classifier

BATCH: Final = 16
ROUNDS: Final = 5
MOST: Final = 64
"""Photographs of a round."""
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Limit:
    """Of one kind of photographs, in CPU milliseconds a photograph."""

    kind: str
    decode_ms: float
    forward_ms: float
    """By the product's classifier."""
    torch_ms: float
    """By the same network in eager torch."""
    runtime: str
    """What the product's classifier computes with, as it says itself."""

    @property
    def total_ms(self) -> float:
        """What a worker that does nothing else would cost."""
        return self.decode_ms + self.forward_ms


async def limits(kinds: Sequence[Kind], folder: Path) -> list[Limit]:
    """The limit of each kind, measured in another process."""
    for kind in kinds:
        place = folder / kind.name
        place.mkdir(parents=True)
        for number, data in enumerate(kind.files[:MOST]):
            (place / f"{number:04}").write_bytes(data)
    command = [sys.executable, "-m", "benchmarks.suite.limit", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | ONE_THREAD, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the limit could not be measured: see above")
    return [Limit(**each) for each in json.loads(said)]


def _measured(folder: Path) -> list[dict[str, object]]:
    import torch  # noqa: PLC0415

    from benchmarks.alternatives.job import Network  # noqa: PLC0415
    from model import checkpoint  # noqa: PLC0415
    from model.serving.classifier import Classifier  # noqa: PLC0415

    classifier = Classifier.load(checkpoint.PACKAGED, device="cpu", threads=1)
    torch.set_num_threads(1)
    eager = Network()
    found = []
    for place in sorted(folder.iterdir()):
        decode, forward, in_torch = _costs(
            [each.read_bytes() for each in sorted(place.iterdir())], classifier, eager
        )
        found.append(
            {
                "kind": place.name,
                "decode_ms": decode,
                "forward_ms": forward,
                "torch_ms": in_torch,
                "runtime": classifier.computed_by,
            }
        )
    return found


def _costs(files: Sequence[bytes], classifier: Classifier, eager: Network) -> tuple[float, float, float]:
    images = [classifier.preprocess.decode(data) for data in files]
    batches = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]

    def round_() -> tuple[float, float, float]:
        return (
            _cost(lambda: [classifier.preprocess.decode(data) for data in files], len(files)),
            _cost(lambda: [classifier.forward(batch) for batch in batches], len(files)),
            _cost(lambda: [eager.predict(batch) for batch in batches], len(files)),
        )

    round_()  # the first one warms up
    decode, forward, in_torch = zip(*(round_() for _ in range(ROUNDS)), strict=True)
    return median(decode), median(forward), median(in_torch)


def _cost(work: Callable[[], object], count: int) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) / count * 1e3


if __name__ == "__main__":
    print(json.dumps(_measured(Path(sys.argv[1]))))
