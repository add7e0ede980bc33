"""Workers over MongoDB, killed while they work: the documents equal those of a calm run over SQLite."""

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from agents.wiring.settings import StoreSettings
from schemas import topics
from streams.adapters.kafka.connection import EmbeddedBroker
from tests.contract.mongo_server import MongoWireServer
from tests.e2e.accounts import Auditor, Outcome, outcome
from tests.e2e.fleet import Fleet
from tests.e2e.traffic import plan, publish
from tests.own_databases import own_database
from tests.seen import Tell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

EVENTS = 400
WITHIN = 120.0
KILLS = 2


async def calm(folder: Path) -> Outcome:
    with EmbeddedBroker() as broker:
        broker.create(*topics.ALL)
        fleet = Fleet(broker.bootstrap, folder)
        sent = await publish(broker.bootstrap, plan(EVENTS, fleet.images))
        try:
            fleet.start()
            await Auditor(broker.bootstrap, fleet.store, sent).until_done(WITHIN)
        finally:
            fleet.end()
        return await outcome(broker.bootstrap, fleet.store)


async def test_workers_killed_over_mongodb_leave_what_a_calm_run_over_sqlite_leaves(
    mongo: MongoWireServer, tmp_path: Path, tell: Tell
) -> None:
    store = StoreSettings(url=SecretStr(mongo.url), database=own_database())
    settings = {"TAGSTREAM_STORE__URL": mongo.url, "TAGSTREAM_STORE__DATABASE": store.database}
    with EmbeddedBroker() as broker:
        broker.create(*topics.ALL)
        fleet = Fleet(broker.bootstrap, tmp_path / "stormy", settings | {"E2E_DELAY": "0.1"})
        sent = await publish(broker.bootstrap, plan(EVENTS, fleet.images))
        auditor = Auditor(broker.bootstrap, store, sent)
        try:
            fleet.start()
            while not auditor.is_done:
                await asyncio.sleep(2)
                await auditor.audit()
                if fleet.kills < KILLS and (victim := fleet.busiest()):
                    fleet.kill(victim)
                    fleet.start()
        finally:
            fleet.end()
        after = await outcome(broker.bootstrap, store)
    tell(f"MongoDB: {fleet.kills} kills, {fleet.redeliveries} redeliveries, {auditor.audits} audits")
    assert fleet.kills == KILLS
    assert fleet.redeliveries > 0
    (tmp_path / "calm").mkdir()
    assert after == await calm(tmp_path / "calm")
