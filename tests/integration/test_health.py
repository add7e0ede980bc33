"""Probes and metrics over HTTP, from a thread beside the event loop."""

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from agents.telemetry.health import Health
from agents.telemetry.heartbeat import Pulse
from agents.telemetry.metrics import Metrics
from agents.telemetry.serving import serve
from agents.telemetry.settings import MetricsSettings
from model.clock import ManualClock
from schemas.errors import ConfigurationError

FREE = MetricsSettings(port=0)
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class World:
    clock: ManualClock
    pulse: Pulse
    health: Health


@pytest.fixture
def world() -> World:
    clock = ManualClock()
    pulse = Pulse(clock.time)
    return World(clock, pulse, Health(pulse, silence=30.0))


def get(url: str) -> tuple[int, str]:
    try:
        with _OPENER.open(url, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


async def ask(url: str) -> tuple[int, Any]:
    status, body = await asyncio.to_thread(get, url)
    return status, json.loads(body)


def never(error: BaseException) -> None:
    raise AssertionError from error


def unready(why: str | None = "no partitions") -> Callable[[], str | None]:
    return lambda: why


def test_a_worker_with_nothing_to_complain_about_lives_and_is_ready(world: World) -> None:
    world.health.live("window", lambda: None)
    world.health.ready("model", lambda: None)
    world.pulse.beat()
    assert world.health.livez().is_ok
    assert world.health.readyz().is_ok


def test_what_was_never_looked_at_is_alive_and_not_ready(world: World) -> None:
    world.health.live("window", lambda: None)
    world.health.ready("model", lambda: None)
    assert world.health.livez().is_ok
    assert world.health.readyz().checks["model"] == "not looked at yet"


def test_a_check_registered_later_is_not_ready_until_the_next_beat(world: World) -> None:
    world.pulse.beat()
    world.health.ready("group", lambda: None)
    assert not world.health.readyz().is_ok
    world.pulse.beat()
    assert world.health.readyz().is_ok


def test_who_is_not_ready_lives(world: World) -> None:
    world.health.ready("group", unready())
    world.pulse.beat()
    assert world.health.livez().is_ok
    assert world.health.readyz().checks == {"loop": None, "group": "no partitions"}


def test_who_does_not_live_is_not_ready(world: World) -> None:
    world.health.live("batcher", lambda: "the device is broken")
    world.health.ready("model", lambda: None)
    world.pulse.beat()
    assert not world.health.livez().is_ok
    assert not world.health.readyz().is_ok


def test_a_blocked_loop_is_dead_after_its_limit_and_not_before(world: World) -> None:
    world.pulse.beat()
    world.clock.advance(30.0)
    assert world.health.livez().is_ok
    world.clock.advance(1.0)
    assert world.health.livez().checks == {"loop": "the event loop has been blocked for 31 s"}
    assert not world.health.readyz().is_ok


def test_a_loop_that_runs_again_lives_again(world: World) -> None:
    world.clock.advance(100.0)
    world.pulse.beat()
    assert world.health.livez().is_ok


def test_a_check_that_raises_complains_and_spoils_no_other(world: World) -> None:
    world.health.ready("group", lambda: str(1 // 0))
    world.health.ready("model", lambda: None)
    world.pulse.beat()
    said = world.health.readyz().checks
    assert said["model"] is None
    assert "ZeroDivisionError" in str(said["group"])


def test_the_same_name_again_replaces_the_check(world: World) -> None:
    world.health.ready("model", unready("loading"))
    world.health.ready("model", lambda: None)
    world.pulse.beat()
    assert world.health.readyz().is_ok


async def test_the_pulse_beats_while_it_runs_and_not_afterwards() -> None:
    pulse, beats = Pulse(), asyncio.Event()
    pulse.each(beats.set)
    async with pulse.running(never):
        await beats.wait()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "pulse"]


async def test_a_look_that_raises_is_told() -> None:
    pulse = Pulse()
    told: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    pulse.each(lambda: print(1 // 0))
    async with pulse.running(told.set_result):
        assert isinstance(await told, ZeroDivisionError)


async def test_probes_answer_200_with_each_check(world: World) -> None:
    world.health.ready("model", lambda: None)
    world.pulse.beat()
    async with serve(FREE, Metrics().registry, world.health) as address:
        status, said = await ask(f"{address}/readyz")
        assert status == 200
        assert said == {"ok": True, "checks": {"loop": {"ok": True}, "model": {"ok": True}}}
        assert await ask(f"{address}/livez") == (200, {"ok": True, "checks": {"loop": {"ok": True}}})


async def test_probes_answer_503_with_the_reason(world: World) -> None:
    world.health.ready("group", unready())
    world.pulse.beat()
    async with serve(FREE, Metrics().registry, world.health) as address:
        status, said = await ask(f"{address}/readyz")
    assert status == 503
    assert said["ok"] is False
    assert said["checks"]["group"] == {"ok": False, "why": "no partitions"}


async def test_livez_answers_while_the_loop_is_blocked() -> None:
    pulse = Pulse()
    health = Health(pulse, silence=0.2)
    async with pulse.running(never), serve(FREE, Metrics().registry, health) as address:
        probing = asyncio.get_running_loop().run_in_executor(None, dead_soon, f"{address}/livez")
        while not probing.done():
            time.sleep(0.2)  # noqa: ASYNC251 - the loop is blocked on purpose
            await asyncio.sleep(0)
        assert "blocked" in json.loads(await probing)["checks"]["loop"]["why"]


def dead_soon(url: str) -> str:
    """What /livez says once it says 503."""
    while True:
        status, body = get(url)
        if status == 503:
            return body


async def test_metrics_are_served_as_prometheus_reads_them(world: World) -> None:
    metrics = Metrics()
    metrics.count("tagged")
    async with serve(FREE, metrics.registry, world.health) as address:
        status, body = await asyncio.to_thread(get, f"{address}/metrics")
    assert status == 200
    assert 'tagstream_outcomes_total{outcome="tagged"} 1.0' in body


async def test_any_other_path_is_not_found(world: World) -> None:
    async with serve(FREE, Metrics().registry, world.health) as address:
        assert (await asyncio.to_thread(get, f"{address}/secrets"))[0] == 404


async def test_a_client_that_says_nothing_holds_up_no_probe(world: World) -> None:
    async with serve(FREE, Metrics().registry, world.health) as address:
        host, port = str(address).removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))):
            assert (await ask(f"{address}/livez"))[0] == 200


async def test_without_a_port_nothing_is_served(world: World) -> None:
    async with serve(MetricsSettings(), Metrics().registry, world.health) as address:
        assert address is None


async def test_after_the_end_nobody_listens(world: World) -> None:
    async with serve(FREE, Metrics().registry, world.health) as address:
        pass
    with pytest.raises(urllib.error.URLError, match="refused"):
        await asyncio.to_thread(get, f"{address}/livez")


async def test_a_port_in_use_is_a_wrong_setting(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = MetricsSettings(port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match=r"^TAGSTREAM_METRICS__PORT: .* in use"):
            async with serve(settings, Metrics().registry, world.health):
                pytest.fail("it listens")


async def test_a_host_that_is_not_ours_is_a_wrong_setting(world: World) -> None:
    with pytest.raises(ConfigurationError, match=r"^TAGSTREAM_METRICS__HOST: "):
        async with serve(MetricsSettings(port=0, host="192.0.2.1"), Metrics().registry, world.health):
            pytest.fail("it listens")
