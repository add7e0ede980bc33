"""Stage times of a photograph, out of the score records and the workers' own metrics."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from schemas.errors import Stage
from schemas.records import ScoreRecord

ORDER: Final = ("fetch", "decode", "queued", "forward", "store", "announce", "mark")

AFTER_THE_RECORD: Final = (Stage.STORE, Stage.ANNOUNCE, Stage.MARK)
"""Stages that end when the record is written already: only the metrics know them."""

_INTERVAL: Final = 0.25
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Totals = Mapping[str, tuple[float, int]]
"""Seconds and images by stage."""


def mean_seconds(records: Iterable[ScoreRecord], scraped: Iterable[Totals]) -> dict[str, float]:
    """The mean seconds of one photograph in each stage, in the stages' order."""
    sums: dict[str, tuple[float, int]] = {}
    for record in records:
        _add(sums, {stage: (seconds, 1) for stage, seconds in record.seconds.items()})
    for totals in scraped:
        _add(sums, {stage: totals[stage] for stage in AFTER_THE_RECORD if stage in totals})
    return {stage: round(sums[stage][0] / sums[stage][1], 6) for stage in ORDER if stage in sums}


def _add(sums: dict[str, tuple[float, int]], more: Totals) -> None:
    for stage, (seconds, count) in more.items():
        known, images = sums.get(stage, (0.0, 0))
        if images + count:
            sums[str(stage)] = (known + seconds, images + count)


class Scraper:
    """The latest that each worker's `/metrics` said; a killed worker's last words stay."""

    def __init__(self) -> None:
        self.totals: dict[int, Totals] = {}
        """By port."""
        self._ports: list[int] = []

    def watch(self, port: int) -> None:
        """Scrape this port from now on."""
        self._ports.append(port)

    async def run(self) -> None:
        """Scrape now and then, until cancelled."""
        while True:
            await self.scrape()
            await asyncio.sleep(_INTERVAL)

    async def scrape(self) -> None:
        """Scrape every port once; one that does not answer keeps what it said last."""
        for port in self._ports:
            if totals := await asyncio.to_thread(_totals, port):
                self.totals[port] = totals


def _totals(port: int) -> Totals | None:
    try:
        with _OPENER.open(f"http://127.0.0.1:{port}/metrics", timeout=1) as reply:
            return parse(reply.read().decode())
    except (OSError, urllib.error.URLError):
        return None


def parse(exposition: str) -> Totals:
    """Seconds and images by stage out of a worker's metrics."""
    totals: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            for place, suffix in enumerate(("_sum", "_count")):
                if sample.name == f"tagstream_stage_seconds{suffix}":
                    totals.setdefault(sample.labels["stage"], [0.0, 0.0])[place] = sample.value
    return {stage: (seconds, int(count)) for stage, (seconds, count) in totals.items()}
