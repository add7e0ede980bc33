"""`python -m benchmarks.gpu`: JPEG in, scores out, on one device; decoded by processes, and on the device.

Decoding on the device is no part of the product: it is measured here, its speed and what it does to tags.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torchvision.io import ImageReadMode, decode_jpeg

from benchmarks.suite.photographs import Kind, kinds
from benchmarks.suite.process_tree import cpu_seconds
from model import checkpoint
from model.checkpoint import PACKAGED, Version
from model.decoding.limits import DecoderLimits
from model.decoding.pool import DecoderPool
from model.networks.architectures import build
from model.preprocess import Pixels
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError
from schemas.tags import Scores

EXAMPLES: Final = """
examples:
  make bench-gpu                                       the packaged model and a ResNet-50, on the GPU
  make bench-gpu OPTIONS="--photographs ~/pictures --images 4096"
  make bench-gpu OPTIONS="--device cpu --images 64"    does it run? on a machine without a GPU
"""
SAMPLED_EVERY: Final = 0.2
"""Seconds."""


@dataclass(frozen=True, slots=True)
class GpuResult:
    """One network over one kind of photographs, decoded in one way."""

    network: str
    computed_by: str
    """Library, precision and device, and the device's make."""
    kind: str
    decoded: str
    images: int
    images_a_second: float
    cpu_ms: float
    """Milliseconds of CPU an image, of this process and its decoders."""
    busy: float | None
    """Share of the time in which a kernel ran, in percent, as nvidia-smi samples it; None without one."""
    changed: int | None = None
    """How many images are tagged otherwise than by the product's decoder."""
    largest: float | None = None
    """The largest move of a probability."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table or one JSON document; 1 and a line where it cannot be."""
    asked = _arguments(arguments)
    try:
        found = asyncio.run(_measured(asked))
    except ConfigurationError as error:
        sys.stderr.write(f"bench-gpu: {error}\n")
        return 1
    if asked.json:
        print(json.dumps([asdict(each) for each in found], indent=2))
    else:
        _show(found)
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.gpu",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu (cuda)")
    parser.add_argument("--images", type=int, default=2048, help="of each kind (2048)")
    parser.add_argument("--batch", type=int, default=64, help="images in a forward (64)")
    parser.add_argument("--decoders", type=int, default=os.cpu_count(), help="processes (one a core)")
    parser.add_argument(
        "--photographs", type=Path, help="full-size ones of yours instead of enlarged samples"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    return parser.parse_args(arguments)


async def _measured(asked: argparse.Namespace) -> list[GpuResult]:
    found = []
    for version in (checkpoint.read(PACKAGED), _resnet50(checkpoint.read(PACKAGED))):
        classifier = Classifier.of(version, device=asked.device, runtime="torch")
        classifier.warm(asked.batch)
        for kind in kinds(asked.photographs, None):
            found += await _both_ways(classifier, kind.name, _jpegs(kind, asked.images), asked=asked)
    return found


def _jpegs(kind: Kind, count: int) -> list[bytes]:
    """The JPEG files among them, again and again."""
    files = [data for data in kind.files if data.startswith(b"\xff\xd8")]
    if not files:
        raise ConfigurationError(f"there is no JPEG file among {kind.name} ({kind.source})")
    return [files[number % len(files)] for number in range(count)]


def _resnet50(version: Version) -> Version:
    """A network of that size with weights that mean nothing: it is for speed alone."""
    manifest = version.manifest.model_copy(update={"architecture": "resnet50", "golden": (), "graph": ""})
    state = build("resnet50", len(manifest.labels)).state_dict()
    weights = {name: tensor.numpy() for name, tensor in state.items() if tensor.is_floating_point()}
    return replace(version, manifest=manifest, weights=weights, graph=b"", borderline=b"")


async def _both_ways(
    classifier: Classifier, kind: str, files: list[bytes], *, asked: argparse.Namespace
) -> list[GpuResult]:
    limits = DecoderLimits(processes=asked.decoders)
    async with DecoderPool(classifier.preprocess, limits) as pool:
        await pool.warm()
        with _Watch() as watch:
            ours = await _by_processes(classifier, pool, files, batch=asked.batch)
    by_processes = watch.result(classifier, kind, f"{asked.decoders} processes", images=len(files))
    with _Watch() as watch:
        theirs = _on_the_device(classifier, files, batch=asked.batch)
    on_device = watch.result(classifier, kind, "device", images=len(files))
    return [by_processes, replace(on_device, **_difference(classifier, ours, theirs))]


async def _by_processes(
    classifier: Classifier, pool: DecoderPool, files: list[bytes], *, batch: int
) -> list[Scores]:
    """The next two batches are decoded while this one is scored."""
    scores: list[Scores] = []
    waiting = [asyncio.ensure_future(_decoded(pool, files[at : at + batch])) for at in (0, batch)]
    for start in range(0, len(files), batch):
        following = start + 2 * batch
        waiting.append(asyncio.ensure_future(_decoded(pool, files[following : following + batch])))
        pixels = await waiting.pop(0)
        scores += await asyncio.to_thread(classifier.forward, pixels)
    await asyncio.gather(*waiting)
    return scores


async def _decoded(pool: DecoderPool, files: list[bytes]) -> list[Pixels]:
    return list(await asyncio.gather(*map(pool.decode, files)))


def _on_the_device(classifier: Classifier, files: list[bytes], *, batch: int) -> list[Scores]:
    scores: list[Scores] = []
    for start in range(0, len(files), batch):
        encoded = [
            torch.from_numpy(np.frombuffer(data, np.uint8).copy()) for data in files[start : start + batch]
        ]
        # Back to the processor and up again: 150 KB an image, which a part of the product would spare.
        pixels = _squares(encoded, classifier=classifier).cpu().numpy()
        scores += classifier.forward(list(pixels))
    return scores


def _squares(encoded: list[Tensor], *, classifier: Classifier) -> Tensor:
    """uint8 (N, 3, S, S): decoded in one call, each squashed with antialiasing."""
    device, side = classifier.device, classifier.preprocess.size
    with warnings.catch_warnings(
        action="ignore", category=DeprecationWarning
    ):  # torchvision 0.29 gives it up
        images = decode_jpeg(encoded, mode=ImageReadMode.RGB, device=device)
    squashed = [
        nn.functional.interpolate(image[None].float(), (side, side), mode="bicubic", antialias=True)
        for image in images
    ]
    return torch.cat(squashed).round().clamp(0, 255).to(torch.uint8)


def _difference(classifier: Classifier, ours: list[Scores], theirs: list[Scores]) -> dict[str, int | float]:
    thresholds = classifier.manifest.thresholds
    moves, changed = [0.0], 0
    for one, other in zip(ours, theirs, strict=True):
        moves += [abs(one.probabilities[label] - other.probabilities[label]) for label in thresholds]
        changed += any(
            (one.probabilities[label] >= least) != (other.probabilities[label] >= least)
            for label, least in thresholds.items()
        )
    return {"changed": changed, "largest": round(max(moves), 4)}


class _Watch:
    """Seconds, CPU of this process and its decoders, and the GPU's share, of the block."""

    def __init__(self) -> None:
        self._busy = _Busy()

    def __enter__(self) -> Self:
        self._began, self._cpu = time.perf_counter(), cpu_seconds(os.getpid())
        self._busy.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._seconds, self._spent = time.perf_counter() - self._began, cpu_seconds(os.getpid()) - self._cpu
        self._busy.stop()

    def result(self, classifier: Classifier, kind: str, decoded: str, *, images: int) -> GpuResult:
        """What the block did with `images`."""
        rate, cpu_ms = images / self._seconds, self._spent / images * 1e3
        return GpuResult(
            classifier.manifest.architecture,
            f"{classifier.computed_by}, {classifier.runtime.hardware}",
            kind,
            decoded,
            images,
            round(rate, 1),
            round(cpu_ms, 2),
            self._busy.share,
        )


class _Busy(threading.Thread):
    """Samples of nvidia-smi, where there is one."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._samples: list[float] = []
        self._end = threading.Event()

    @property
    def share(self) -> float | None:
        """Their mean, in percent."""
        return round(sum(self._samples) / len(self._samples), 1) if self._samples else None

    def run(self) -> None:
        """Until it is stopped."""
        while shutil.which("nvidia-smi") and not self._end.wait(SAMPLED_EVERY):
            self._samples += _sampled()

    def stop(self) -> None:
        """And wait for the last sample."""
        self._end.set()
        self.join()


def _sampled() -> Iterator[float]:
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    said = subprocess.run(query, capture_output=True, text=True, check=False).stdout  # noqa: S603 - ours
    with contextlib.suppress(ValueError, IndexError):
        yield float(said.splitlines()[0])


def _show(found: Sequence[GpuResult]) -> None:
    columns = ("Network", "Kind", "Decoded", "images/s", "CPU ms", "GPU busy", "tagged otherwise", "moves by")
    table = Table(*columns, box=None)
    for each in found:
        busy = "-" if each.busy is None else f"{each.busy:.0f} %"
        changed = "" if each.changed is None else f"{each.changed} of {each.images}"
        moved = "" if each.largest is None else f"{each.largest:.4f}"
        rate, cpu = f"{each.images_a_second:,.0f}", f"{each.cpu_ms:.1f}"
        table.add_row(each.network, each.kind, each.decoded, rate, cpu, busy, changed, moved)
    console = Console()
    console.print(table)
    console.print(
        f"{found[0].computed_by}. Decoded by the product's processes, and by torchvision on the device."
    )


if __name__ == "__main__":
    sys.exit(main())
