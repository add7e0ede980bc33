"""What is watched of a worker: the parts as they ship, looked at once a beat."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from agents.telemetry.health import Health
from agents.telemetry.heartbeat import Pulse
from agents.telemetry.metrics import Metrics
from agents.telemetry.observation import Observation, observing
from agents.telemetry.settings import MetricsSettings
from model.serving.batcher import BatchLimits, DeviceChecks, MicroBatcher
from schemas.errors import Broken, DeviceBroken
from streams.adapters.s3.budget import ByteSemaphore
from streams.app import StreamApp, StreamSettings
from streams.inflight import InFlight, Partition, WindowLimits
from streams.message import Handler


@pytest.fixture
def seen() -> Observation:
    pulse = Pulse()
    return Observation(Metrics(), pulse, Health(pulse, silence=30.0))


@asynccontextmanager
async def _never(_: StreamApp) -> AsyncIterator[Handler]:
    raise AssertionError("nobody starts it")
    yield


@pytest.fixture
async def app() -> StreamApp:
    return StreamApp(StreamSettings("127.0.0.1:9092"), _never)


async def _taken(_: Mapping[Partition, int]) -> bool:
    return True


def a_window() -> InFlight:
    return InFlight(WindowLimits(concurrency=4), commit=_taken, on_failure=lambda _: None)


def joined(app: StreamApp) -> None:
    """As Faust does when the group has given it its partitions."""
    app.consumer_generation_id = 1
    app.rebalancing = False


def read(seen: Observation, name: str, **labels: str) -> float | None:
    return seen.metrics.registry.get_sample_value(name, labels)


async def test_a_worker_is_not_ready_before_it_is_in_its_group(seen: Observation, app: StreamApp) -> None:
    seen.app(app)
    seen.pulse.beat()
    assert seen.health.readyz().checks["group"] == "not in the consumer group yet"
    assert seen.health.livez().is_ok
    joined(app)
    seen.pulse.beat()
    assert seen.health.readyz().is_ok


async def test_a_worker_is_not_ready_during_a_rebalance(seen: Observation, app: StreamApp) -> None:
    seen.app(app)
    joined(app)
    app.rebalancing = True
    seen.pulse.beat()
    assert seen.health.readyz().checks["group"] == "a rebalance is under way"


async def test_a_worker_that_stops_lives_and_is_not_ready(seen: Observation, app: StreamApp) -> None:
    seen.app(app)
    joined(app)
    app._stopped.set()
    seen.pulse.beat()
    assert seen.health.livez().is_ok
    assert seen.health.readyz().checks["running"] == "stopping"


async def test_a_window_that_has_failed_is_dead_with_its_reason(seen: Observation, app: StreamApp) -> None:
    app.window = a_window()
    seen.app(app)
    app.window.fail(Broken("the disk is gone"))
    seen.pulse.beat()
    assert seen.health.livez().checks["window"] == "Broken('the disk is gone')"


async def test_the_window_s_fill_is_shown_from_its_start_on(seen: Observation, app: StreamApp) -> None:
    seen.app(app)
    seen.pulse.beat()
    assert read(seen, "tagstream_window_running_limit") == 0
    app.window = a_window()
    seen.pulse.beat()
    assert read(seen, "tagstream_window_running_limit") == 4


def _broken_device() -> None:
    raise RuntimeError("the device fails its golden image")


async def test_a_batcher_that_died_is_dead(seen: Observation) -> None:
    checks = DeviceChecks(probe=_broken_device, is_out_of_memory=lambda _: False)
    limits = BatchLimits(max_size=2, linger=0.0, intake=4)

    def fails(_: object) -> list[int]:
        raise RuntimeError("the device fails")

    batcher = MicroBatcher[int, int](fails, limits, device=checks)

    async def live() -> None:
        async with batcher:
            seen.batcher(batcher.statistics, intake=limits.intake)
            seen.pulse.beat()
            assert seen.health.livez().is_ok
            with pytest.raises(DeviceBroken):
                await batcher.score(1)
            seen.pulse.beat()
            assert seen.health.livez().checks["batcher"] == "the batcher is dead"

    with pytest.raises(DeviceBroken):
        await live()


def test_a_model_that_is_not_warm_is_not_ready(seen: Observation) -> None:
    warm: list[str] = []
    seen.model(lambda: bool(warm))
    seen.pulse.beat()
    assert not seen.health.readyz().is_ok
    warm.append("v1")
    seen.pulse.beat()
    assert seen.health.readyz().is_ok


def test_a_dependency_that_is_away_is_named(seen: Observation) -> None:
    away = {"images": True, "scores": False, "broker": True}
    seen.dependencies(lambda: away)
    seen.pulse.beat()
    assert seen.health.readyz().checks["dependencies"] == "away: broker, images"
    assert read(seen, "tagstream_dependency_away", dependency="images") == 1
    assert read(seen, "tagstream_dependency_away", dependency="scores") == 0
    away.update(images=False, broker=False)
    seen.pulse.beat()
    assert seen.health.readyz().is_ok


def test_alarms_are_shown_while_they_are_on(seen: Observation) -> None:
    causes = {"undecodable"}
    seen.alarms(lambda: causes)
    seen.pulse.beat()
    assert read(seen, "tagstream_rejection_alarm", cause="undecodable") == 1
    assert seen.health.readyz().is_ok  # the stream flows
    assert "undecodable" in seen.health.readyz().as_json()
    causes.clear()
    seen.pulse.beat()
    assert read(seen, "tagstream_rejection_alarm", cause="undecodable") is None
    assert "undecodable" not in seen.health.readyz().as_json()


async def test_the_fetch_budget_and_the_lag_are_looked_at(seen: Observation) -> None:
    budget = ByteSemaphore(100)
    seen.budget(budget)
    seen.lag(lambda: {Partition("uploads", 2): 7})
    async with budget.take(40):
        seen.pulse.beat()
    assert read(seen, "tagstream_fetch_in_flight_bytes") == 40
    assert read(seen, "tagstream_committed_lag", topic="uploads", partition="2") == 7


async def test_observing_beats_until_its_end() -> None:
    failures: list[BaseException] = []
    looked = asyncio.Event()
    async with observing(MetricsSettings(), Metrics(), on_failure=failures.append) as seen:
        seen.pulse.each(looked.set)
        await looked.wait()
        seen.pulse.each(lambda: print(1 // 0))
        while not failures:
            await asyncio.sleep(0.01)
    assert isinstance(failures[0], ZeroDivisionError)
