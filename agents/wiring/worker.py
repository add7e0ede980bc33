"""Composition root of a worker: settings and components in, a Faust app and its process out."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, NoReturn

import faust
from faust.types import StreamT

from agents import statement_template
from agents.gaps import GapNotice
from agents.opened_components import Components
from agents.statement_template import StatementTemplate
from agents.telemetry import logs
from agents.wiring.backends import kafka_connection
from agents.wiring.handlers import DispatcherLimits, build_dispatcher
from agents.wiring.runtime import ProcessRuntime, process_runtime
from agents.wiring.settings import Settings, blame, mask
from model.serving import allocator
from schemas import topics
from streams.adapters.kafka.coverage import CoverageWatch
from streams.app import Lifespan, StreamApp, StreamSettings
from streams.message import Handler
from streams.resilience.rejection_alarm import RejectionAlarms
from streams.resilience.retry import Dependencies, Hooks


@dataclass(frozen=True, slots=True)
class Runtime(ProcessRuntime):
    """A worker's, with what reads its lanes."""

    app: StreamApp


OpenComponents = Callable[[Settings, Runtime], AbstractAsyncContextManager[Components]]
"""Opens what the straight path uses, once it is there; the real one is `components.open_components`."""


def create_app(settings: Settings, open_components: OpenComponents) -> StreamApp:
    """A worker's app over the components that `open_components` opens at its start."""
    app = StreamApp(_stream_settings(settings), _lifespan(settings, open_components))
    attach(app)
    return app


def _lifespan(settings: Settings, open_components: OpenComponents) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: StreamApp) -> AsyncIterator[Handler]:
        with blame("TAGSTREAM_STATEMENTS__FILE"):
            template = statement_template.load(settings.statements.file)
        async with AsyncExitStack() as stack:
            runtime = await _runtime(settings, app, stack)
            _watch_coverage(settings, runtime, stack)
            components = await stack.enter_async_context(open_components(settings, runtime))
            await _all_there(components, runtime.dependencies)
            _settle_memory()
            yield _handler(settings, runtime, components, template)

    return lifespan


async def _runtime(settings: Settings, app: StreamApp, stack: AsyncExitStack) -> Runtime:
    hooks = Hooks(waiting=app.waiting)
    made = await stack.enter_async_context(process_runtime(settings, app.fail, hooks=hooks))
    dependencies, observed = made.dependencies, made.observed
    # Only a new message can prove that a dependency is back once all that wait have asked in vain.
    app.is_paused = lambda needs: any(
        state.is_away and state.untried for name, state in dependencies.states().items() if name in needs
    )
    observed.app(app)
    observed.lag(app.lags)
    return Runtime(made.fail, dependencies, made.metrics, observed, made.tracer, app)


def _watch_coverage(settings: Settings, runtime: Runtime, stack: AsyncExitStack) -> None:
    """Not ready while a topic, or a partition of one, is read by nobody."""
    every, group = settings.kafka.metadata_age / 2, settings.kafka.group
    watch = CoverageWatch(kafka_connection(settings), group, topics.INBOUND, every=every)
    runtime.observed.coverage(watch.complaint)
    runtime.app.made_again = watch.made_again
    watching = asyncio.create_task(watch.run(runtime.app.reread), name="coverage")
    runtime.watch(watching)
    stack.callback(watching.cancel)


def _handler(
    settings: Settings, runtime: Runtime, components: Components, template: StatementTemplate
) -> Handler:
    alarms = RejectionAlarms(settings.rejections)
    runtime.observed.alarms(alarms.alarms)
    notice = GapNotice()
    runtime.observed.gaps(notice.complaint)
    runtime.metrics.loading.limit.set(settings.decode.loading)
    limits = DispatcherLimits(settings.decode.loading, settings.deferral, settings.rejections, settings.clock)
    dispatcher = build_dispatcher(
        components,
        runtime.dependencies,
        limits,
        metrics=runtime.metrics,
        naming=settings.naming,
        template=template,
        tracer=runtime.tracer,
        alarms=alarms,
        hide=mask(settings).hide,
        notice=notice,
    )
    return dispatcher.handle


def _settle_memory() -> None:
    """What was made until now stays, and need not be looked through again and again for what is gone.

    An event makes thousands of objects and hardly a cycle: each is freed when it is done with. What starting
    has freed goes back to the machine; the allocator would keep it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
    allocator.give_back()


async def _all_there(components: Components, dependencies: Dependencies) -> None:
    """Wait until broker, store and images answer: a worker that cannot work joins no group."""
    for part in (components.tags, components.scores, components.images):
        await dependencies.retry_until_available(part.ping)


def _stream_settings(settings: Settings) -> StreamSettings:
    return StreamSettings(kafka_connection(settings), settings.kafka, settings.window)


_YOUNG_OBJECTS: Final = 20_000
"""Made and not freed, before cycles are looked for among them; Python's own 700 come every few events."""

LANES: Final = {
    "tagging": topics.UPLOADED,
    "retrying": topics.RETRY,
    "deciding": topics.DECISIONS,
    "rescoring": topics.RESCORE,
}
"""Each agent's name, and what it reads. Each has a buffer of its own: one that waits holds up no other."""


def attach(app: StreamApp) -> None:
    """Let `app` read every lane."""
    for name, topic in LANES.items():
        _attach(app, name, topic)


def _attach(app: StreamApp, name: str, topic: str) -> None:
    # Raw bytes and no acks: decoding is the handler's, offsets are the window's (ADR 2).
    channel = app.topic(topic, acks=False, key_serializer="raw", value_serializer="raw")

    @app.agent(channel, name=name)
    async def lane(stream: StreamT[bytes]) -> None:
        async for event in stream.noack().events():  # type: ignore[attr-defined]  # Faust forgets to declare it
            await app.admit(event)


def run(settings: Settings, open_components: OpenComponents) -> NoReturn:
    """Work until a signal or a failure, and exit.

    Exit codes: 0 after SIGTERM or SIGINT with everything drained and committed; 1 after a failure; 2 for a
    wrong setting; 3 after a signal when the broker is away and the limits are over. Nothing is lost in any.
    """
    allocator.hold_little()
    secrets = mask(settings)
    logs.configure(settings.log, mask=secrets)
    app = create_app(settings, open_components)
    worker = faust.Worker(app, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    code = 1
    try:
        worker.execute_from_commandline()
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else 1
        if app.refusal is not None:
            sys.stderr.write(f"tagstream: {secrets.hide(str(app.refusal))}\n")
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit: a thread that hangs in a decoder would hold up the interpreter's exit for ever.
        os._exit(code)
