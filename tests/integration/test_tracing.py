"""Spans, as a collector receives them over HTTP."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager

import pytest
import structlog
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from structlog.testing import capture_logs

from agents.telemetry.metrics import Metrics, Stopwatch
from agents.telemetry.settings import TracingSettings
from agents.telemetry.trace_otel import OtelTracer, open_otel_tracer
from agents.telemetry.tracing import Linked, NoTracer, Tracer, linked, open_tracer
from agents.wiring.settings import Settings
from model.serving.batcher import BatchLimits, DeviceChecks, MicroBatcher
from schemas import wire
from schemas.errors import ConfigurationError
from tests.integration.otlp_receiver import Receiver, receiving, values

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEPT = f"00-{TRACE}-{PARENT}-01"
NOT_KEPT = f"00-{TRACE}-{PARENT}-00"
ALL = TracingSettings()
NONE = TracingSettings(sample=0.0)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with receiving() as opened:
        yield opened


def configured(given: Settings) -> AbstractAsyncContextManager[Tracer]:
    return open_tracer(given.tracing.endpoint or given.otel_endpoint, given.tracing)


def tracing(receiver: Receiver, settings: TracingSettings = ALL) -> AbstractAsyncContextManager[OtelTracer]:
    return open_otel_tracer(receiver.endpoint, settings)


def ids(span: Span) -> tuple[str, str]:
    return span.trace_id.hex(), span.span_id.hex()


async def test_a_message_continues_its_producer_s_trace(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer:
        with tracer.message(KEPT, "photos.uploaded.v1 process", {"messaging.system": "kafka"}):
            pass
    span = receiver.one("photos.uploaded.v1 process")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert span.kind == Span.SPAN_KIND_CONSUMER
    assert values(span.attributes) == {"messaging.system": "kafka"}


@pytest.mark.parametrize("given", [None, "", "nonsense", f"00-{'0' * 32}-{PARENT}-01"])
async def test_a_message_without_a_usable_parent_begins_a_trace(
    receiver: Receiver, given: str | None
) -> None:
    async with tracing(receiver) as tracer:
        with tracer.message(given, "process", {}):
            pass
    span = receiver.one("process")
    assert span.parent_span_id == b""
    assert span.trace_id.hex() != TRACE


async def test_what_goes_out_is_a_child_of_the_message_s_span(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer:
        with tracer.message(KEPT, "process", {}) as span:
            said = span.traceparent
    assert said == f"00-{TRACE}-{receiver.one('process').span_id.hex()}-01"
    assert wire.traceparent({"traceparent": str(said).encode()}) == said


async def test_stages_are_children_of_their_message_also_of_many_at_once(receiver: Receiver) -> None:
    both = asyncio.Barrier(2)

    async def work(tracer: OtelTracer, name: str) -> None:
        with tracer.message(None, name, {}), Stopwatch(Metrics(), tracer).stage("fetch"):
            await both.wait()

    async with tracing(receiver) as tracer:
        await asyncio.gather(work(tracer, "one"), work(tracer, "other"))
    parents = {(span.trace_id, span.parent_span_id) for span in receiver.named("fetch")}
    assert parents == {(span.trace_id, span.span_id) for span in receiver.spans if span.name != "fetch"}


async def test_a_stage_that_raises_says_so(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer:
        with (
            tracer.message(None, "process", {}),
            pytest.raises(ValueError, match="spoiled"),
            tracer.stage("decode"),
        ):
            raise ValueError("spoiled")
    failed = receiver.one("decode")
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert [event.name for event in failed.events] == ["exception"]
    assert receiver.one("process").status.code == failed.status.STATUS_CODE_UNSET


async def test_an_attribute_can_be_added_while_it_runs(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer:
        with tracer.message(None, "process", {}) as span:
            span.note("tagstream.outcome", "tagged")
    assert values(receiver.one("process").attributes)["tagstream.outcome"] == "tagged"


def doubled(items: Sequence[int]) -> list[int]:
    if 13 in items:
        raise ValueError("13")
    return [item * 2 for item in items]


def a_batcher(tracer: OtelTracer, *, size: int) -> MicroBatcher[Linked[int], int]:
    checks = DeviceChecks(probe=lambda: None, is_out_of_memory=lambda _: False)
    # It lingers until the batch is full: the test decides what is in it.
    limits = BatchLimits(max_size=size, linger=3600.0, intake=2 * size)
    return MicroBatcher(linked(tracer, doubled), limits, device=checks)


async def score(tracer: OtelTracer, batcher: MicroBatcher[Linked[int], int], item: int) -> int:
    with tracer.message(None, f"image {item}", {}), tracer.stage("forward"):
        return (await batcher.score(Linked(item, tracer.link()))).result


async def test_a_batch_is_linked_to_the_spans_of_exactly_its_images(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer, a_batcher(tracer, size=3) as batcher:
        for batch in ((1, 2, 3), (4, 5, 6)):
            await asyncio.gather(*(score(tracer, batcher, item) for item in batch))
    images = {span.trace_id: span.name for span in receiver.spans if span.name.startswith("image")}
    forwards = {ids(span): images[span.trace_id] for span in receiver.named("forward")}
    batches = [
        {forwards[link.trace_id.hex(), link.span_id.hex()] for link in span.links}
        for span in sorted(receiver.named("batch"), key=lambda span: span.start_time_unix_nano)
    ]
    assert batches == [{"image 1", "image 2", "image 3"}, {"image 4", "image 5", "image 6"}]
    assert all(span.parent_span_id == b"" for span in receiver.named("batch"))
    assert [values(span.attributes) for span in receiver.named("batch")] == [
        {"tagstream.batch.size": "3"}
    ] * 2


async def test_each_part_of_a_bisected_batch_has_a_span_of_its_own(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer, a_batcher(tracer, size=2) as batcher:
        results = await asyncio.gather(
            *(score(tracer, batcher, item) for item in (12, 13)), return_exceptions=True
        )
    assert results[0] == 24
    sizes = sorted(len(span.links) for span in receiver.named("batch"))
    assert sizes[0] == 1
    assert sizes[-1] == 2
    assert any(span.status.code == span.status.STATUS_CODE_ERROR for span in receiver.named("batch"))


async def test_a_batch_larger_than_the_sdk_s_default_keeps_all_its_links(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer:
        links = []
        for _ in range(200):
            with tracer.message(None, "process", {}):
                links.append(tracer.link())
        with tracer.batch(links):
            pass
    assert len(receiver.one("batch").links) == 200


async def test_the_producer_s_decision_to_keep_a_trace_counts(receiver: Receiver) -> None:
    async with tracing(receiver, NONE) as tracer:
        with tracer.message(KEPT, "kept", {}), tracer.stage("fetch"):
            pass
        with tracer.message(None, "ours", {}), tracer.stage("decode"):
            pass
    assert {span.name for span in receiver.spans} == {"kept", "fetch"}


async def test_a_trace_that_is_not_kept_is_passed_on_as_such(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer:
        with tracer.message(NOT_KEPT, "process", {}) as span:
            assert tracer.link() is None
            said = str(span.traceparent)
    assert said.startswith(f"00-{TRACE}-")
    assert said.endswith("-00")
    assert receiver.spans == []


async def test_a_batch_is_kept_when_one_of_its_images_is(receiver: Receiver) -> None:
    async with tracing(receiver, NONE) as tracer:
        with tracer.message(KEPT, "process", {}):
            link = tracer.link()
        with tracer.batch([None, link]):
            pass
        with tracer.batch([None, None]):
            pass
    span = receiver.one("batch")
    assert [each.trace_id.hex() for each in span.links] == [TRACE]


async def test_log_lines_of_a_message_carry_its_ids(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer:
        with tracer.message(KEPT, "process", {}):
            bound = structlog.contextvars.get_contextvars()
        assert structlog.contextvars.get_contextvars() == {}
    assert (bound["trace_id"], bound["span_id"]) == ids(receiver.one("process"))


async def test_spans_go_to_the_path_of_traces_and_say_who_sent_them(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "tagstream-canary")
    async with tracing(receiver) as tracer:
        with tracer.stage("process"):
            pass
    assert receiver.paths == {"/v1/traces"}
    assert receiver.resource["service.name"] == "tagstream-canary"
    assert receiver.resource["service.version"]


async def test_the_end_sends_what_waits(receiver: Receiver) -> None:
    async with tracing(receiver) as tracer:
        for _ in range(1_500):  # three of the exporter's batches
            with tracer.stage("process"):
                pass
    assert len(receiver.spans) == 1_500


async def test_a_collector_that_is_away_costs_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with capture_logs() as lines:
        async with open_otel_tracer(endpoint, TracingSettings(flush_limit=2.0)) as tracer:
            for _ in range(6_000):  # more than the queue holds
                with tracer.message(None, "process", {}) as span:
                    assert span.traceparent
    assert [(line["event"], line["log_level"]) for line in lines] == [("collector.away", "warning")]
    assert "refused" in lines[0]["cause"]


async def test_a_collector_that_hangs_does_not_hold_up_the_end(receiver: Receiver) -> None:
    receiver.gate.clear()
    async with tracing(receiver, TracingSettings(flush_limit=0.1)) as tracer:
        with tracer.stage("process"):
            pass
    assert receiver.asked.is_set()
    assert receiver.spans == []


async def test_a_collector_that_comes_back_is_said_with_what_was_lost(receiver: Receiver) -> None:
    receiver.status = 400
    with capture_logs() as lines:
        async with tracing(receiver) as tracer:
            for _ in range(600):
                with tracer.stage("process"):
                    pass
            await asyncio.to_thread(receiver.asked.wait)
            while not lines:
                await asyncio.sleep(0.01)
            receiver.status = 200
            with tracer.stage("process"):
                pass
    assert [line["event"] for line in lines] == ["collector.away", "collector.back"]
    assert "400" in lines[0]["cause"]
    assert lines[1]["lost_spans"] + len(receiver.spans) == 601


async def test_an_endpoint_that_is_no_url_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318'"):
        async with open_otel_tracer("collector:4318", ALL):
            pytest.fail("it opened")


async def test_without_an_endpoint_a_traceparent_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    async with configured(Settings()) as tracer:
        assert isinstance(tracer, NoTracer)
        with tracer.message(KEPT, "process", {}) as span, tracer.stage("fetch"):
            span.note("tagstream.outcome", "tagged")
            assert span.traceparent == KEPT
            assert linked(tracer, doubled)([Linked(4, tracer.link())]) == [8]


async def test_the_standard_endpoint_is_honoured(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    async with configured(Settings()) as tracer:
        with tracer.stage("process"):
            pass
    assert receiver.one("process")


def test_without_an_endpoint_the_sdk_is_not_imported() -> None:
    program = """
import asyncio, sys
from agents.wiring import settings
from agents.telemetry import metrics, tracing

async def main():
    given = settings.load()
    async with tracing.open_tracer(given.otel_endpoint, given.tracing) as tracer:
        with tracer.message(None, "process", {}), tracer.stage("fetch"):
            pass

asyncio.run(main())
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    subprocess.run([sys.executable, "-c", program], check=True, env={})
