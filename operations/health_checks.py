"""Health checks of everything a worker needs: each finds something, or says how to mend what is wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from agents.telemetry.masking import Mask
from agents.wiring import backends
from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from model.registry import refs
from operations import (
    machine_checks,
    model_check,
    model_status,
    reading_checks,
    replay_checks,
    rollout_checks,
    store_checks,
    suspicions,
)
from operations.unwell import Unwell
from schemas import topics
from schemas.errors import ConfigurationError, TagstreamError
from streams.adapters.kafka.admin import TopicAdmin

SECONDS: Final = 10.0
"""For a question to a broker, a store or a storage."""

MODEL_SECONDS: Final = 120.0
"""To load the model and score its golden images, on a slow machine."""


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
        *_renditions(config),
        Check("clock", lambda: machine_checks.clock(config), "set this machine's clock by NTP"),
        Check("disk", lambda: machine_checks.disk(config), "free some space"),
        *_reading(config),
        _suspicions(config),
        *_replays(config),
        *_registry(config),
        Check("model", lambda: model_check.look(config, scores=scores), _MODEL_MEND, MODEL_SECONDS),
        Check("workers", lambda: model_status.look(config), "see the check of the store"),
        Check("rollouts", lambda: rollout_checks.check(config), "see the check of the store"),
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


def _replays(config: Settings) -> tuple[Check, Check]:
    return (
        Check("replays", lambda: replay_checks.jobs(config), "see the check of the store"),
        Check(
            "replay lane", lambda: replay_checks.lane(config), "is Kafka running? See the check of the broker"
        ),
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
        return Check("store", lambda: store_checks.sqlite(config), mend)
    return Check(
        "store", lambda: store_checks.mongo(config), "is MongoDB running? TAGSTREAM_STORE__URL says where"
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


def _renditions(config: Settings) -> tuple[Check, ...]:
    """None where none are kept."""
    place = config.renditions.place
    if place is None:
        return ()
    mend = (
        "uploads and replays go on without it, by the photographs: is the bucket there, and may these "
        "credentials read, write and delete in it? See TAGSTREAM_RENDITIONS__URL"
    )
    return (Check("renditions", _bucket(config, place.bucket), mend),)


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
