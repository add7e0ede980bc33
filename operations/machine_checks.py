"""Checks of this machine: its clock, and the disks that it writes to."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from shutil import disk_usage
from typing import Final

from agents.wiring.settings import Settings
from operations.unwell import Unwell

SECONDS: Final = 5.0
"""That the endpoint may take to tell the time."""

SKEW_SECONDS: Final = 60.0
"""S3 refuses signatures from 15 minutes on, and the order of uploads suffers long before."""

FREE_BYTES: Final = 2**30

_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


async def clock(config: Settings) -> str:
    """This machine's, against that of the storage. Raises `Unwell`."""
    endpoint = config.s3.endpoint_url or config.aws_endpoint_url or "https://s3.amazonaws.com"
    theirs = await asyncio.to_thread(_time_at, endpoint)
    if theirs is None:
        return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC; {endpoint} does not say what it has"
    skew = (datetime.now(UTC) - theirs).total_seconds()
    if abs(skew) > SKEW_SECONDS:
        raise Unwell(f"{skew:+.0f} s off the clock of {endpoint}", "set this machine's clock by NTP")
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, as {endpoint} has it"


def _time_at(endpoint: str) -> datetime | None:
    """The time in the headers of whatever it answers; None where it does not answer or say."""
    if not endpoint.startswith(("http://", "https://")):
        return None
    try:
        with _OPENER.open(urllib.request.Request(endpoint, method="HEAD"), timeout=SECONDS) as reply:  # noqa: S310 - checked
            date = reply.headers.get("Date")
    except urllib.error.HTTPError as refusal:
        date = refusal.headers.get("Date")
    except OSError:
        return None
    return parsedate_to_datetime(date) if date else None


async def disk(config: Settings) -> str:
    """What is free where files are written. Raises `Unwell`."""
    places = {Path.cwd(), config.store.path.absolute().parent if config.store.url is None else Path.cwd()}
    free = {place: disk_usage(place).free for place in places if place.is_dir()}
    place, least = min(free.items(), key=lambda found: found[1])
    free_here = f"{least / 2**30:.1f} GiB free at {place}"
    if least < FREE_BYTES:
        raise Unwell(free_here, f"make it at least {FREE_BYTES / 2**30:.0f} GiB")
    return free_here
