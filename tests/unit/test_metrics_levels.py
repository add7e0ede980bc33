"""How full what has a bound is: every look replaces what the look before it showed."""

import asyncio
from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry

from agents.telemetry.gauges import WindowMetrics
from agents.telemetry.instruments import Instruments
from agents.telemetry.metrics import Metrics
from model.clock import ManualClock
from model.serving.batcher import BatchLimits, DeviceChecks, MicroBatcher
from model.serving.statistics import BatchStatistics, DeviceTally
from streams.adapters.s3.budget import ByteSemaphore
from streams.inflight import Delivery, InFlight, Partition, WindowLimits

LIMITS = WindowLimits(concurrency=4, span=10, stall=60)
UPLOADS = Partition("uploads", 0)


async def _taken(_: Mapping[Partition, int]) -> bool:
    return True


def a_window(limits: WindowLimits = LIMITS) -> InFlight:
    return InFlight(limits, commit=_taken, on_failure=lambda _: None)


class Held(asyncio.Event):
    """Work that ends when it is told to."""

    async def wait_for_it(self) -> None:
        await self.wait()


async def admit(window: InFlight, offset: int, done: Held) -> None:
    delivery = Delivery(UPLOADS, offset, (offset,))
    assert await window.admit(delivery, done.wait_for_it, is_current=lambda: True)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def read(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_the_window_shows_its_fill_beside_its_bounds(metrics: Metrics) -> None:
    window, held = a_window(), Held()
    for offset in (7, 9):
        await admit(window, offset, held)
    metrics.window.update(window.statistics(), window.limits)
    assert read(metrics, "tagstream_window_running") == 2
    assert read(metrics, "tagstream_window_running_limit") == 4
    assert read(metrics, "tagstream_window_unfinished") == 2
    assert read(metrics, "tagstream_window_span", topic="uploads", partition="0") == 3
    assert read(metrics, "tagstream_window_span_limit") == 10
    assert read(metrics, "tagstream_window_idle_limit_seconds") == 60
    held.set()
    assert await window.close(limit=5)


async def test_a_partition_that_was_revoked_is_shown_no_more(metrics: Metrics) -> None:
    window, held = a_window(), Held()
    await admit(window, 1, held)
    metrics.window.update(window.statistics(), window.limits)
    held.set()
    assert await window.revoke(limit=5)
    metrics.window.update(window.statistics(), window.limits)
    assert read(metrics, "tagstream_window_span", topic="uploads", partition="0") is None


def a_clocked_window() -> tuple[WindowMetrics, CollectorRegistry, ManualClock]:
    clock, registry = ManualClock(), CollectorRegistry()
    return WindowMetrics(Instruments(registry), clock.time), registry, clock


async def test_the_oldest_message_ages_between_two_looks_too() -> None:
    shown, registry, clock = a_clocked_window()
    window, held = a_window(), Held()
    await admit(window, 1, held)
    window.watch(5.0)
    shown.update(window.statistics(), window.limits)
    clock.advance(20.0)  # the loop is blocked: nobody looks
    assert registry.get_sample_value("tagstream_oldest_unfinished_age_seconds") == 25
    held.set()
    assert await window.close(limit=5)


async def test_a_message_that_was_admitted_a_moment_ago_ages_too() -> None:
    shown, registry, clock = a_clocked_window()
    window, held = a_window(), Held()
    await admit(window, 1, held)
    shown.update(window.statistics(), window.limits)
    clock.advance(20.0)
    assert registry.get_sample_value("tagstream_oldest_unfinished_age_seconds") == 20
    held.set()
    assert await window.close(limit=5)


async def test_with_nothing_unfinished_nothing_ages() -> None:
    shown, registry, clock = a_clocked_window()
    shown.update(a_window().statistics(), LIMITS)
    clock.advance(20.0)
    assert registry.get_sample_value("tagstream_oldest_unfinished_age_seconds") == 0


def a_batcher() -> MicroBatcher[int, int]:
    checks = DeviceChecks(probe=lambda: None, is_out_of_memory=lambda _: False)
    return MicroBatcher(lambda items: [item * 2 for item in items], BatchLimits(4, 0.0, 16), device=checks)


async def test_each_forward_is_observed_once_with_its_size(metrics: Metrics) -> None:
    async with a_batcher() as batcher:
        await asyncio.gather(*(batcher.score(item) for item in range(10)))
        sizes = batcher.statistics().device.sizes
        for _ in range(3):  # looking again counts nothing again
            metrics.batcher.update(batcher.statistics(), intake=16)
    assert read(metrics, "tagstream_batch_size_sum") == 10
    assert read(metrics, "tagstream_batch_size_count") == sum(sizes)
    assert read(metrics, "tagstream_batch_intake") == 0
    assert read(metrics, "tagstream_batch_intake_limit") == 16
    assert read(metrics, "tagstream_batch_size_limit") == 4


def statistics(device: DeviceTally, *, dropped: int = 0) -> BatchStatistics:
    return BatchStatistics(
        device=device, dropped=dropped, held_back=3, waiting=5, in_forward=2, ceiling=4, dead=False
    )


def test_the_batcher_shows_its_fill_and_its_troubles(metrics: Metrics) -> None:
    troubled = DeviceTally(sizes=[0, 1], failed_forwards=4, out_of_memory=1, bad_items=2)
    metrics.batcher.update(statistics(troubled, dropped=6), intake=8)
    assert read(metrics, "tagstream_batch_intake") == 7
    assert read(metrics, "tagstream_batch_held_back") == 3
    assert read(metrics, "tagstream_batch_dropped_total") == 6
    assert read(metrics, "tagstream_batch_failed_forwards_total") == 4
    assert read(metrics, "tagstream_batch_out_of_memory_total") == 1
    assert read(metrics, "tagstream_batch_culprits_total") == 2


def test_a_new_batcher_s_counts_are_added_to_those_of_the_old_one(metrics: Metrics) -> None:
    metrics.batcher.update(statistics(DeviceTally(sizes=[0, 5], bad_items=3)), intake=8)
    metrics.batcher.update(statistics(DeviceTally(sizes=[0, 2], bad_items=1)), intake=8)
    assert read(metrics, "tagstream_batch_size_count") == 7
    assert read(metrics, "tagstream_batch_culprits_total") == 4


async def test_the_fetch_budget_shows_its_bytes(metrics: Metrics) -> None:
    budget = ByteSemaphore(100)
    async with budget.take(60):
        metrics.loading.update(budget)
    assert read(metrics, "tagstream_fetch_in_flight_bytes") == 60
    assert read(metrics, "tagstream_fetch_in_flight_limit_bytes") == 100
    assert read(metrics, "tagstream_fetch_waiting") == 0


def test_a_loading_slot_is_shown_while_it_is_taken(metrics: Metrics) -> None:
    with metrics.loading.images.track_inprogress():
        assert read(metrics, "tagstream_loading") == 1
    assert read(metrics, "tagstream_loading") == 0


def test_a_dependency_that_is_away_is_1_and_0_when_it_is_back(metrics: Metrics) -> None:
    metrics.away.update({"images": True, "scores": False})
    assert read(metrics, "tagstream_dependency_away", dependency="images") == 1
    metrics.away.update({"images": False, "scores": False})
    assert read(metrics, "tagstream_dependency_away", dependency="images") == 0


def test_an_alarm_that_nobody_names_any_more_is_not_shown(metrics: Metrics) -> None:
    metrics.alarms.update({"gone": True})
    metrics.alarms.update({})
    assert read(metrics, "tagstream_rejection_alarm", cause="gone") is None


def test_lag_is_shown_by_partition(metrics: Metrics) -> None:
    metrics.lag.update({UPLOADS: 12, Partition("uploads", 1): 0})
    assert read(metrics, "tagstream_committed_lag", topic="uploads", partition="0") == 12
    assert read(metrics, "tagstream_committed_lag", topic="uploads", partition="1") == 0
