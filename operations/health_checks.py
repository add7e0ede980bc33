"""Health checks of everything a worker needs: each finds something, or says how to mend what is wrong."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from shutil import disk_usage
from typing import Any, Final

from agents.telemetry.masking import Mask
from agents.wiring import backends
from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from agents.wiring.stores import open_mongo, open_store
from model.registry import refs
from operations import model_check, reading_checks, suspicions
from operations.unwell import Unwell
from schemas import topics
from schemas.errors import Broken, ConfigurationError, TagstreamError
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.sqlite.store import MEND
from streams.ports import ScoreStore

SECONDS: Final = 10.0
"""For a question to a broker, a store or a storage."""

MODEL_SECONDS: Final = 120.0
"""To load the model and score its golden images, on a slow machine."""

SKEW_SECONDS: Final = 60.0
"""S3 refuses signatures from 15 minutes on, and the order of uploads suffers long before."""

FREE_BYTES: Final = 2**30

_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at."""

    name: str
    look: Callable[[], Awaitable[str]]
    """What it finds; raises `Unwell`, or any error of ours."""
    mend: str
    """What to do about an error that does not say it itself."""
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    name: str
    is_well: bool
    said: str
    seconds: float
    mend: str = ""

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        told = {"check": self.name, "ok": self.is_well, "said": self.said, "seconds": round(self.seconds, 3)}
        return told if self.is_well else told | {"mend": self.mend}

    def masked(self, mask: Mask) -> Finding:
        """The same without secrets."""
        return replace(self, said=mask.hide(self.said), mend=mask.hide(self.mend))


async def findings(checks: Iterable[Check]) -> AsyncIterator[Finding]:
    """What each check finds, in order; all of them look at once."""
    looks = [asyncio.create_task(_finding(check)) for check in checks]
    try:
        for look in looks:
            yield await look
    finally:
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


async def _finding(check: Check) -> Finding:
    began = time.perf_counter()
    is_well, text, mend = await _looked(check)
    return Finding(check.name, is_well, text, time.perf_counter() - began, mend)


async def _looked(check: Check) -> tuple[bool, str, str]:
    try:
        async with asyncio.timeout(check.seconds):
            return True, await check.look(), ""
    except Unwell as error:
        return False, str(error), error.mend
    except TagstreamError as error:
        return False, str(error), check.mend
    except TimeoutError:
        return False, f"no answer within {check.seconds:g} s", check.mend


async def run(checks: Iterable[Check], *, mask: Mask, tell: Callable[[Finding], None]) -> bool:
    """Look at everything and tell each finding, secrets masked; whether all is well."""
    all_well = True
    async for finding in findings(checks):
        tell(finding.masked(mask))
        all_well &= finding.is_well
    return all_well


def wrong_settings(error: ConfigurationError) -> Finding:
    """The only finding where the settings are wrong."""
    return Finding("settings", is_well=False, said=str(error), seconds=0, mend="`tagstream config show`")


def of(config: Settings, *, source: str, scores: bool = False) -> tuple[Check, ...]:
    """Every check of a system with these settings, which came from `source`.

    With `scores` the model is loaded, and scores its golden images, wherever it runs.
    """
    return (
        Check("settings", lambda: _said(source), ""),
        *_broker(config),
        _store(config),
        *_images(config),
        Check("clock", lambda: _clock(config), "set this machine's clock by NTP"),
        Check("disk", lambda: _disk(config), "free some space"),
        *_reading(config),
        _suspicions(config),
        *_registry(config),
        Check("model", lambda: model_check.look(config, scores=scores), _MODEL_MEND, MODEL_SECONDS),
    )


async def _said(source: str) -> str:
    return source


_MODEL_MEND: Final = "see TAGSTREAM_MODEL__* in `tagstream config show`"


def _broker(config: Settings) -> tuple[Check, Check]:
    brokers = config.kafka.brokers
    mend = (
        f"is Kafka running at {brokers}? TAGSTREAM_KAFKA__BROKERS says where, TAGSTREAM_KAFKA__SECURITY what "
        "that port speaks; on a laptop: `tagstream dev`"
    )
    return Check("broker", lambda: _reach_broker(config), mend), Check(
        "topics", lambda: _topics(config), mend
    )


async def _reach_broker(config: Settings) -> str:
    connection = kafka_connection(config)
    async with TopicAdmin(connection, seconds=SECONDS / 2) as admin:
        there = await admin.topics()
    return f"{connection.bootstrap} answers over {connection.protocol}, {len(there)} topics"


async def _topics(config: Settings) -> str:
    async with TopicAdmin(kafka_connection(config), seconds=SECONDS / 2) as admin:
        found = {state.name: state for state in await admin.topics(topics.ALL)}
    if missing := [name for name in topics.ALL if name not in found]:
        raise Unwell(f"missing: {', '.join(missing)}", "`tagstream topics apply` makes them")
    compacted = [found[name] for name in sorted(topics.COMPACTED)]
    if loose := [each.name for each in compacted if each.config is not None and not each.is_compacted]:
        raise Unwell(f"not compacted: {', '.join(loose)}", "set their cleanup.policy to compact")
    uploads = found[topics.UPLOADED]
    unsaid = "; the broker does not say what is compacted" if uploads.config is None else ""
    of_uploads = f"{len(uploads.ends)} partitions of uploads, replication {uploads.replication}"
    return f"all {len(topics.ALL)} are there; {of_uploads}{unsaid}"


def _reading(config: Settings) -> tuple[Check, ...]:
    mend = "is Kafka running? See the check of the broker"
    return (
        Check("codecs", reading_checks.codecs, mend),
        Check("partitions", lambda: reading_checks.covered(config), mend),
        Check("unread", lambda: reading_checks.nothing_gone(config), mend),
    )


def _suspicions(config: Settings) -> Check:
    return Check("rejections", lambda: _held_aside(config), "is Kafka running? See the check of the broker")


async def _held_aside(config: Settings) -> str:
    found = await suspicions.read(kafka_connection(config), group=config.kafka.group)
    if not found.causes:
        return f"no alarm, nothing is suspected; {found.others} on the retry topic, each for itself"
    first = found.causes[0]
    cause, before = first.cause, first.since - timedelta(seconds=config.rejections.window)
    raise Unwell(
        f"too many are rejected and held aside: {'; '.join(each.words for each in found.causes)}",
        f"find out whether it is the photographs (`tagstream tail retry --from earliest`) or the system, and "
        f"mend that; what is parked goes back by `tagstream dlq redrive --parking --cause {cause}`, what was "
        f"rejected before the alarm by `tagstream dlq redrive --cause {cause} --since "
        f"{before.astimezone():%Y-%m-%dT%H:%M:%S}`. If they are rightly rejected, leave them",
    )


def _store(config: Settings) -> Check:
    if config.store.url is None:
        path = config.store.path
        mend = f"may this user write {path.absolute()}? TAGSTREAM_STORE__PATH says where"
        return Check("store", lambda: _sqlite(config), mend)
    return Check("store", lambda: _mongo(config), "is MongoDB running? TAGSTREAM_STORE__URL says where")


async def _sqlite(config: Settings) -> str:
    path = config.store.path
    if not path.is_file():  # opening it would make it
        folder = path.absolute().parent
        if not folder.is_dir():
            raise Unwell(f"{folder} is not a folder", "make it, or set TAGSTREAM_STORE__PATH")
        return f"SQLite at {path}: not there yet, the first worker makes it"
    try:
        async with open_store(config.store) as store:
            await store.ping()
            found = await store.scan(limit=1000)
            await _require_finished(store)
    except (Broken, ConfigurationError) as error:
        if MEND in str(error):
            raise Unwell(str(error).partition(f"; {MEND}")[0], MEND) from error
        raise
    many = "1,000 images or more" if len(found) == 1000 else f"{len(found)} images"  # noqa: PLR2004 - the limit
    return f"SQLite at {path} reads, {many}"


async def _mongo(config: Settings) -> str:
    from streams.adapters.mongo.indexes import IndexState  # noqa: PLC0415 - its driver

    async with open_mongo(config.store) as store:
        await store.ping()
        found = await store.indexes()
        wrong = [each for each in found if each.standing in (IndexState.MISSING, IndexState.DIFFERS)]
        if wrong:
            named = ", ".join(
                f"{each.index.collection}.{each.index.name} ({each.standing})" for each in wrong
            )
            raise Unwell(f"indexes: {named}", "`tagstream store apply` makes those that are missing")
        await _require_finished(store)
    return f"MongoDB answers, database {config.store.database}, {len(found)} indexes are there"


async def _require_finished(store: ScoreStore) -> None:
    """Of an erasure that was killed consumers have not heard."""
    if half := await store.unfinished_erasures():
        image = half[0].image_id
        raise Unwell(
            f"erasures that consumers have not heard of: {len(half)}, {image} among them",
            f"run what was broken off again, or `tagstream erase {image}`, unless it is under way",
        )


def _images(config: Settings) -> Sequence[Check]:
    if not config.s3.buckets:
        return (Check("images", _no_bucket, ""),)
    where = config.s3.endpoint_url or config.aws_endpoint_url or "AWS"
    mend = (
        f"is it there, at {where}, and may these credentials read it? "
        "See TAGSTREAM_S3__* in `tagstream config show`"
    )
    return tuple(Check(f"bucket {name}", _bucket(config, name), mend) for name in config.s3.buckets)


async def _no_bucket() -> str:
    raise Unwell(
        "no bucket may be read: every upload would be refused",
        """set TAGSTREAM_S3__BUCKETS to a JSON list, as in '["photos"]'""",
    )


def _bucket(config: Settings, name: str) -> Callable[[], Awaitable[str]]:
    async def look() -> str:
        from streams.adapters.s3.images import S3Images  # noqa: PLC0415 - its client, which takes its time

        settings = backends.s3_settings(config).model_copy(update={"buckets": (name,)})
        async with S3Images(settings) as images:
            await images.ping()
        return f"answers, at {settings.endpoint_url or 'AWS'}"

    return look


async def _clock(config: Settings) -> str:
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
        with _OPENER.open(urllib.request.Request(endpoint, method="HEAD"), timeout=SECONDS / 2) as reply:  # noqa: S310 - checked
            date = reply.headers.get("Date")
    except urllib.error.HTTPError as refusal:
        date = refusal.headers.get("Date")
    except OSError:
        return None
    return parsedate_to_datetime(date) if date else None


async def _disk(config: Settings) -> str:
    places = {Path.cwd(), config.store.path.absolute().parent if config.store.url is None else Path.cwd()}
    free = {place: disk_usage(place).free for place in places if place.is_dir()}
    place, least = min(free.items(), key=lambda found: found[1])
    free_here = f"{least / 2**30:.1f} GiB free at {place}"
    if least < FREE_BYTES:
        raise Unwell(free_here, f"make it at least {FREE_BYTES / 2**30:.0f} GiB")
    return free_here


def _registry(config: Settings) -> tuple[Check, ...]:
    """None where no registry is asked for anything."""
    if not (config.registry.url or config.model.ref):
        return ()
    mend = (
        "is it there, and may these credentials read it? See TAGSTREAM_REGISTRY__URL, TAGSTREAM_MODEL__REF "
        "and TAGSTREAM_S3__* in `tagstream config show`"
    )
    return (Check("registry", lambda: _resolve(config), mend),)


async def _resolve(config: Settings) -> str:
    from agents.wiring.registry import open_registry  # noqa: PLC0415 - storage's client, which takes its time

    async with open_registry(config) as registry:
        if config.model.ref is None:
            names = await registry.names()
            return f"answers, at {registry.where}; it has {', '.join(names) or 'no model yet'}"
        found = await registry.resolve(refs.parse(config.model.ref))
        return f"{config.model.ref} is {found.version}, at {registry.where}"
