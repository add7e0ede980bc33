"""`python -m tests.soak`: exits 0 where nothing was lost, doubled, wrongly condemned or falsely away."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack.builds import Missing
from deploy.stack.layout import Layout, Misplaced, Ports, default_cache, from_environment
from deploy.stack.service import NotReady
from deploy.stack.stack import Stack
from tests.real.premises import fresh
from tests.soak.plan import Plan
from tests.soak.progress import Voice
from tests.soak.report import render
from tests.soak.result import Result
from tests.soak.run import Soak
from tests.soak.summary import summary

EXAMPLES = """
examples:
  make soak MINUTES=3                                      what CI runs
  python -m tests.soak --minutes 60 --rate 40 --report soak.html
  python -m tests.soak --seed 7 --json | jq .lost          the same faults in the same order
"""


def main() -> int:
    """Soak, and say how it went."""
    asked = _arguments().parse_args()
    plan = Plan(asked.minutes, asked.rate, asked.workers, asked.seed, asked.real_model)
    voice = Voice()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the broker is away on purpose
    try:
        with _stack(voice) as stack, _folder(asked.keep) as folder:
            result = asyncio.run(_soaked(plan, stack, folder, voice))
    except (Missing, Misplaced, NotReady) as error:
        sys.stderr.write(f"soak: {error}\n")
        return 1
    if asked.report:
        asked.report.write_text(render(result), encoding="utf-8")
        voice.say(f"The report is in {asked.report}")
    sys.stdout.write(json.dumps(result.document()) + "\n" if asked.json else summary(result))
    if not asked.json:
        sys.stdout.write(result.line() + "\n")
    return 0 if result.is_good else 1


def _arguments() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m tests.soak", description=__doc__, epilog=EXAMPLES, formatter_class=raw
    )
    parser.add_argument("--minutes", type=float, default=3.0, help="of traffic (%(default)s)")
    parser.add_argument("--rate", type=float, default=20.0, help="operations a second (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of operations and faults (%(default)s)")
    parser.add_argument("--real-model", action="store_true", help="the packaged model, sample photographs")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="plots and the account")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the workers' logs stay")
    return parser


async def _soaked(plan: Plan, stack: Stack, folder: Path, voice: Voice) -> Result:
    return await Soak(plan, await fresh(stack), folder, voice).run()


@contextmanager
def _stack(voice: Voice) -> Iterator[Stack]:
    """Its own on free ports, gone in the end; where `STACK_FOLDER` names one, that, which stays up."""
    voice.say("Apache Kafka, MongoDB's protocol and S3 start")
    if "STACK_FOLDER" in os.environ:
        standing = Stack(from_environment())
        standing.up()
        yield standing
        return
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, Ports.reserved() as ports:
        own = Stack(Layout(Path(folder), ports, default_cache()))
        try:
            own.up()
            yield own
        finally:
            own.down()


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="soak-logs-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
