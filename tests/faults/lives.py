"""Workers' lives over real servers: how they begin, and how what they depend on goes away and comes back."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from agents.wiring.settings import StoreSettings
from deploy.stack.service import Service
from deploy.stack.stack import Stack
from tests.e2e.accounts import Auditor
from tests.e2e.fleet import Fleet
from tests.e2e.traffic import Planned, Sent
from tests.faults.absence import Fault, Life
from tests.freezing import freeze, thaw
from tests.real.premises import fresh
from tests.seen import Tell

EVENTS = 300
"""Of a worker's life."""
LONG = os.environ.get("FAULTS_LONG") == "1"
SECONDS = 60.0 if LONG else 5.0
"""That a fault lasts: long enough for every pause of the backing off, up to the longest."""
SESSION_SECONDS = 6.0

Switch = tuple[Callable[[], object], Callable[[], object]]
"""How something goes away, and how it comes back."""


@asynccontextmanager
async def life(
    stack: Stack,
    folder: Path,
    planned: list[Planned],
    tell: Tell,
    extra: Mapping[str, str] = MappingProxyType({}),
    *,
    store: Path | None = None,
) -> AsyncIterator[Life]:
    """Workers over the stack, `extra` settings over its own; topics and documents are empty."""
    premises = await fresh(stack)
    settings = {
        **premises.settings,
        "TAGSTREAM_KAFKA__DRAIN_LIMIT": "3",
        "TAGSTREAM_KAFKA__SESSION_TIMEOUT": str(SESSION_SECONDS),
        "TAGSTREAM_S3__DEADLINE": "1",
        "TAGSTREAM_S3__MAX_OBJECT_BYTES": "10000",
        "TAGSTREAM_STORE__TIMEOUT": "1",
        "TAGSTREAM_BREAKER__CALLS": "5",
        "TAGSTREAM_BREAKER__AFTER": "1",
        "TAGSTREAM_BREAKER__FEW_AFTER": "2",
        "TAGSTREAM_RETRY__LONGEST": "2",
        "TAGSTREAM_METRICS__PORT": "0",
        "TAGSTREAM_WINDOW__CONCURRENCY": "32",
        "E2E_DELAY": "0.05",
        "NO_PROXY": "*",
        "no_proxy": "*",
        **extra,
    }
    if store is not None:
        del settings["TAGSTREAM_STORE__URL"]
        settings["TAGSTREAM_STORE__PATH"] = str(store)
    fleet = Fleet(premises.bootstrap, folder, settings, program="tests.faults.away_worker")
    found: Path | StoreSettings = premises.store if store is None else store
    sent: list[Sent] = []
    auditor = Auditor(premises.bootstrap, found, sent)
    try:
        yield Life(premises, fleet, auditor, planned, tell, found, sent)
    finally:
        fleet.end()


def stopped_and_started(service: Service) -> Switch:
    return service.stop, service.start


def frozen_and_thawed(service: Service) -> Switch:
    return lambda: freeze(pid_of(service)), lambda: thaw(pid_of(service))


def pid_of(service: Service) -> int:
    """Of the process that runs now: a restart gives another."""
    pid = service.pid()
    assert pid is not None
    return pid


def together(name: str, switches: Iterable[Switch]) -> Fault:
    """All of it at once."""
    begins, ends = zip(*switches, strict=True)
    return Fault(
        f"{name} away at once",
        lambda: [begin() for begin in begins],
        lambda: [end() for end in ends],
        ("store",),
        SECONDS,
        is_audited=False,
    )


class Names:
    """What the worker's resolver answers."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.tell({})

    def tell(self, known: Mapping[str, str]) -> None:
        """Nothing else resolves from now on."""
        written = self.file.with_suffix(".new")
        written.write_text(json.dumps(known))
        written.replace(self.file)
