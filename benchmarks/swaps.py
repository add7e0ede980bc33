"""Hot swaps under load: a worker's alias is moved to and fro while photographs come.

One worker over the stack follows `restaurant@champion`; beside the packaged version a second one of the same
weights but for a shifted last layer is published. First photographs come while nothing moves, then at the
same rate while the alias moves as soon as the worker has followed. Printed: what was lost, how long a swap
takes from the move on, what it costs the 95th percentile, and the worker's memory after each swap, which has
to stay flat.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import Progress

from agents.wiring.registry import open_registry
from agents.wiring.settings import Settings
from benchmarks import fleet
from benchmarks.fleet import Running
from benchmarks.latency import Row, row, run
from benchmarks.suite import measurement, parts, servers
from benchmarks.suite.line_plot import line_plot
from benchmarks.suite.parts import Part
from model import checkpoint
from model.checkpoint import PACKAGED, Version
from model.registry import contents
from model.registry.aliases import Note
from model.registry.cache import Resolved
from model.registry.refs import AliasRef
from model.registry.registry import Registry
from model.serving.finishing import finished
from operations import model_control

ALIAS: Final = AliasRef("restaurant", "champion")
FLAT: Final = 1.15
"""The memory of the last tenth of the swaps, by that of the first after the start, at most."""
FOLLOW_SECONDS: Final = 120.0
SETTLE_SECONDS: Final = 1.0
"""Until the version before is closed."""

ABOUT: Final = (
    "`make bench-swaps`: one `tagstream worker` that follows an alias, {rate:g} photographs a second, {swaps}"
    " swaps; seconds from upload to tag"
)
EXAMPLES: Final = """\
  make bench-swaps                                       some ten minutes: 100 swaps
  make bench-swaps OPTIONS="--swaps 10 --rate 5"
"""


@dataclass(frozen=True, slots=True)
class Swap:
    """One of them."""

    seconds: float
    """From the move of the alias until the worker scores by the other version."""
    megabytes: float
    """Of the worker and its decoders, then."""


def shifted(version: Version, *, name: str) -> Version:
    """Another version, as one that was trained on: the same network, other scores."""
    bias = min(
        (each for each in version.weights if each.endswith("bias")),
        key=lambda each: version.weights[each].size,
    )
    weights = {
        **version.weights,
        bias: (version.weights[bias] + np.float32(0.25)).astype(version.weights[bias].dtype),
    }
    manifest = version.manifest.model_copy(update={"version": name})
    other = replace(version, weights=weights, manifest=manifest, borderline=b"", graph=b"")
    return finished(checkpoint.sealed(other), borderline=False)


async def published(config: Settings, folder: Path) -> tuple[Resolved, Resolved]:
    """Both versions in the registry, and the champion at the first."""
    made = shifted(checkpoint.read(PACKAGED), name="shifted")
    checkpoint.write(folder / "shifted", made)
    async with open_registry(config) as registry:
        refs = [
            (await registry.publish(contents.of_folder(each))).ref for each in (PACKAGED, folder / "shifted")
        ]
        first, second = [await registry.resolve(ref) for ref in refs]
        await moved(registry, first)
    return first, second


@contextmanager
def following(device: str) -> Iterator[tuple[Mapping[str, str], tuple[Resolved, Resolved], Running]]:
    """A worker over the stack that follows the alias as the topic tells; settings, both versions, worker."""
    with servers.running() as stack, tempfile.TemporaryDirectory() as folder:
        environment = {
            **stack.settings,
            "TAGSTREAM_REGISTRY__URL": f"{folder}/registry",
            "TAGSTREAM_REGISTRY__CACHE": f"{folder}/cache",
            "TAGSTREAM_REGISTRY__POLL": "600",
            "TAGSTREAM_MODEL__REF": str(ALIAS),
            "TAGSTREAM_MODEL__DEVICE": device,
            "TAGSTREAM_LOG__LEVEL": "warning",
        }
        both = asyncio.run(published(fleet.settings(environment), Path(folder)))
        with fleet.fleet(environment, fleet.PRODUCT, 1) as workers:
            yield environment, both, workers.workers[0]


async def moved(registry: Registry, to: Resolved) -> Any:  # noqa: ANN401 - the alias
    """The alias, at `to`."""
    note = Note(when=datetime.now(UTC), by="bench", reason="a swap")
    return await registry.promote(ALIAS, to, seen=await registry.alias_state(ALIAS), note=note)


def serving(worker: Running) -> str | None:
    """The version that it scores by; None where it does not say, raises `RuntimeError` where it has ended."""
    try:
        return measurement.resident_version(worker.port)
    except OSError:
        if worker.process.poll() is None:
            return None
        raise RuntimeError(
            f"the worker has ended: {worker.log.read_text(errors='replace')[-4000:]}"
        ) from None


async def swapped(config: Settings, worker: Running, to: Resolved) -> Swap:
    """Move the alias, tell, and wait until the worker has followed."""
    began = time.monotonic()
    async with open_registry(config) as registry:
        alias = await moved(registry, to)
    if why := await model_control.tell(config, ALIAS, alias):
        raise RuntimeError(f"the worker could not be told: {why}")
    while await asyncio.to_thread(serving, worker) != to.version:
        if time.monotonic() - began > FOLLOW_SECONDS:
            raise RuntimeError(
                f"the worker has not followed within {FOLLOW_SECONDS:g} s: {worker.log.read_text()[-2000:]}"
            )
        await asyncio.sleep(0.1)
    seconds = time.monotonic() - began
    await asyncio.sleep(SETTLE_SECONDS)
    return Swap(seconds, worker.memory)


async def swaps_under_load(
    config: Settings, worker: Running, both: Sequence[Resolved], *, number: int, rate: float
) -> tuple[list[Swap], list[Row]]:
    """So many, one after another, while photographs come; the loads without and with them."""
    quiet = row("no swap", await run(config, rate=rate, seconds=60))
    found: list[Swap] = []
    rows = [quiet]
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("Swapping", total=number)
        while len(found) < number:
            load = asyncio.create_task(run(config, rate=rate, seconds=60))
            await asyncio.sleep(5)  # it finds out first who announces
            until = time.monotonic() + 50
            while time.monotonic() < until and len(found) < number:
                found.append(await swapped(config, worker, both[(len(found) + 1) % 2]))
                progress.update(bar, completed=len(found))
            rows.append(row(f"swaps to {len(found)}", await load))
    return found, rows


def notes(found: Sequence[Swap], rows: Sequence[Row]) -> list[str]:
    """What was lost, how long it took, and whether memory stayed flat."""
    tenth = max(1, len(found) // 10)
    memory = [each.megabytes for each in found]
    first, last = median(memory[:tenth]), median(memory[-tenth:])
    seconds = sorted(each.seconds for each in found)
    lost = sum(each.missing + each.dead_lettered for each in rows)
    published = sum(each.published for each in rows)
    again = sum(each.redeliveries for each in rows)
    return [
        f"{len(found)} swaps: {median(seconds):.1f} s from move to new version (at most {seconds[-1]:.1f})",
        f"{published:,} photographs, {lost:,} without tags, {again} redeliveries",
        f"memory: {first:.0f} MB in the median of the first {tenth} swaps, {last:.0f} of the last: "
        + ("flat" if last <= FLAT * first else "NOT flat"),
    ]


def main() -> int:
    """Measure, and print a table or one JSON document."""
    asked = _arguments()
    return parts.run(lambda: _measured(asked), asked, "swaps")


def _measured(asked: argparse.Namespace) -> Part:
    with following(asked.device) as (environment, both, worker):
        config = fleet.settings(environment)
        found, rows = asyncio.run(swaps_under_load(config, worker, both, number=asked.swaps, rate=asked.rate))
    plot = asked.output / "swaps.svg"
    plot.parent.mkdir(parents=True, exist_ok=True)
    plot.write_text(line_plot("Memory of the worker after each swap, MB", [each.megabytes for each in found]))
    about = ABOUT.format(rate=asked.rate, swaps=len(found))
    table = [asdict(each) for each in rows]
    return Part.here(about, table, [*notes(found, rows), f"Memory as a plot: {plot}"])


def _arguments() -> argparse.Namespace:
    parser = parts.parser("benchmarks.swaps", __doc__ or "", EXAMPLES)
    parser.add_argument("--swaps", type=int, default=100, help="how many (100)")
    parser.add_argument("--rate", type=float, default=10, help="photographs a second (10)")
    parser.add_argument("--device", default="cpu", help="of the worker's model (cpu)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
