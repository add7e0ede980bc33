"""Metrics: the counters and histograms of one worker, in base units, for Prometheus."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import metadata

from prometheus_client import CollectorRegistry, ProcessCollector

from agents.telemetry.api_metrics import ApiMetrics
from agents.telemetry.gauges import BatchMetrics, LagMetrics, LoadingMetrics, Switches, WindowMetrics
from agents.telemetry.instruments import PATIENCE, SIZES, Instrument, Instruments
from agents.telemetry.tracing import NO_TRACER, Tracer
from schemas.events import Announcement, CollectionChanged, ModerationRequested
from schemas.rollouts import ModelRollout
from schemas.statements import StatementOfReasons
from schemas.tags import ModelRef


class Metrics:
    """The instruments of one worker, in a registry of their own.

    The counters are for whoever does the work, on the event loop. The levels (`window`, `batcher`, ...)
    are updated once a beat, on the event loop too (`agents.telemetry.heartbeat`). Scraped from any thread.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._make = Instruments(self.registry)
        self._count_and_time(self._make)
        self._ask_people(self._make)
        self._look(self._make)
        self.versions = VersionMetrics(self._make)
        self.renditions = RenditionMetrics(self._make)

        self.rollouts = RolloutMetrics(self._make)
        self.api = ApiMetrics(self._make)

    def describe(self) -> tuple[Instrument, ...]:
        """Every metric of Tagstream's own, by name."""
        return self._make.describe()

    def count(self, outcome: str) -> None:
        """A message, or a record of one, has ended so."""
        self.outcomes.labels(outcome).inc()

    def announced(self, announcements: Iterable[Announcement]) -> None:
        """The broker has acknowledged these events."""
        for announcement in announcements:
            match announcement.event:
                case ModerationRequested(action=action, label=label):
                    self.flags.labels(action, label).inc()
                case CollectionChanged(action=action, label=label):
                    self.collections.labels(action, label).inc()
                case StatementOfReasons(kind=kind):
                    self.statements.labels(kind).inc()

    def _count_and_time(self, make: Instruments) -> None:
        self.stages = make.histogram(
            "tagstream_stage_seconds",
            "Time that one image spent in a stage; `queued` is its wait for a batch to start",
            ["stage"],
        )
        self.batches = make.histogram("tagstream_batch_size", "Images in a forward", buckets=SIZES)
        self.outcomes = make.counter("tagstream_outcomes", "How messages ended", ["outcome"])
        self.dead_letters = make.counter("tagstream_dead_letters", "Dead letters by cause", ["cause"])
        self.unread = make.counter(
            "tagstream_unread_records",
            "Offsets passed over with a letter: deleted before they were read, or not to be unpacked",
            ["cause", "topic", "partition"],
        )
        self.decoder_deaths = make.counter(
            "tagstream_decoder_deaths", "Decoders that died by themselves, by what they died of", ["cause"]
        )
        self.deferred = make.counter(
            "tagstream_retry_deferred",
            "Messages put on the retry topic, by the dependency that kept refusing or had no such object",
            ["dependency"],
        )
        self.parked = make.counter(
            "tagstream_retry_parked",
            "Messages retried as often as is allowed and parked for a person, by dependency",
            ["dependency"],
        )

        self.suspected = make.counter(
            "tagstream_suspected",
            "Messages held aside under a rejection alarm, by their cause and where they went: retry, parking",
            ["cause", "to"],
        )

    def _ask_people(self, make: Instruments) -> None:
        self.flags = make.counter(
            "tagstream_moderation_flags",
            "Requests to look at an image, made and taken back",
            ["action", "label"],
        )
        self.statements = make.counter(
            "tagstream_statements", "Statements of reasons that were published", ["kind"]
        )
        self.turnaround = make.histogram(
            "tagstream_moderation_turnaround_seconds",
            "Time from the flag to the moderator's decision",
            buckets=PATIENCE,
        )
        self.unapplied = make.counter(
            "tagstream_decisions_unapplied",
            "Decisions that did nothing when they came in: outranked, of other bytes, of a removed image",
            ["why"],
        )
        self.collections = make.counter(
            "tagstream_collection_changes", "Images that joined or left a collection", ["action", "label"]
        )
        self.without_restaurant = make.counter(
            "tagstream_images_without_restaurant", "Collection tags that belong to no restaurant's page"
        )

    def _look(self, make: Instruments) -> None:
        self.window = WindowMetrics(make)
        self.batcher = BatchMetrics(make, self.batches)
        self.loading = LoadingMetrics(make)
        self.lag = LagMetrics(make)
        self.away = Switches(
            make, "tagstream_dependency_away", "1 while a dependency refuses", label="dependency"
        )
        self.alarms = Switches(
            make,
            "tagstream_rejection_alarm",
            "1 while too many messages are rejected for one cause: they are held aside, not buried",
            label="cause",
        )
        self.lane_waiting = make.gauge(
            "tagstream_rescore_waiting",
            "1 while the replay lane waits for this model version to be resident",
            ["model_version"],
        )


class VersionMetrics:
    """What runs here."""

    def __init__(self, make: Instruments) -> None:
        self._model = make.info(
            "tagstream_model",
            "The resident model, and what runs it",
            ["name", "version", "digest", "device", "library", "precision"],
        )
        self._remembered = make.gauge(
            "tagstream_model_remembered",
            "1 where the registry was away at the start, and the model is the last that was known here",
        )
        self._swapped = 0
        self._swaps = make.counter("tagstream_model_swaps", "Versions that took the place of another one")
        self._refused = make.levels(
            "tagstream_model_refused",
            "1 for a version that the followed alias points at and this worker does not take",
            ["version"],
        )
        self._unasked = make.gauge(
            "tagstream_model_registry_away",
            "1 while the registry does not say where the followed alias points",
        )
        build = make.info("tagstream_build", "The program", ["version", "python"])
        build.info({"version": metadata.version("tagstream"), "python": platform.python_version()})

    def resident(self, model: ModelRef, *, device: str, library: str, precision: str) -> None:
        """`model` is resident on `device` from now on, run by `library` in `precision`."""
        which = {"name": model.name, "version": model.version, "digest": model.digest}
        self._model.info(which | {"device": device, "library": library, "precision": precision})

    def followed(self, *, swaps: int, refused: str | None, is_away: bool) -> None:
        """How it stands with the alias that is followed; `swaps` since the start, `refused` a version."""
        self._swaps.inc(swaps - self._swapped)
        self._swapped = swaps
        self._refused.replace({(refused,): 1.0} if refused else {})
        self._unasked.set(is_away)
        if not is_away and refused is None:
            self._remembered.set(0)

    def remembered(self, *, is_remembered: bool) -> None:
        """The registry was not there to say which model is wanted."""
        self._remembered.set(is_remembered)


class RenditionMetrics:
    """What replays read, and what becomes of renditions."""

    def __init__(self, make: Instruments) -> None:
        self._reads = make.counter(
            "tagstream_replay_reads",
            "Photographs that replays have read to score them, by what was read: original, rendition",
            ["source"],
        )
        self._renditions = make.counter(
            "tagstream_renditions",
            "Renditions kept and deleted, and what failed: not_kept, not_deleted, dropped (too many waited),"
            " damaged, unread",
            ["what"],
        )

    def count(self, what: str) -> None:
        """One rendition more."""
        self._renditions.labels(what).inc()

    def read(self, source: str) -> None:
        """A replay has read it."""
        self._reads.labels(source).inc()


class RolloutMetrics:
    """A new version beside the serving one."""

    def __init__(self, make: Instruments) -> None:
        self._images = make.counter(
            "tagstream_rollout_images",
            "Uploads that a rollout chose, by the new version and what came of them: same, changed, failed,"
            " passed_over",
            ["version", "outcome"],
        )
        self._running = make.levels(
            "tagstream_rollout_running",
            "Percent of the uploads that the running rollout compares",
            ["version", "mode"],
        )

    def compared(self, version: str, *, is_changed: bool) -> None:
        """Both versions have scored an upload."""
        self._images.labels(version, "changed" if is_changed else "same").inc()

    def failed(self, version: str) -> None:
        """The new version could not."""
        self._images.labels(version, "failed").inc()

    def passed_over(self, version: str) -> None:
        """There was no room."""
        self._images.labels(version, "passed_over").inc()

    def running(self, rollout: ModelRollout | None) -> None:
        """It is this one from now on."""
        key = (rollout.version, str(rollout.mode)) if rollout else ()
        self._running.replace({key: rollout.percent} if rollout else {})


class Stopwatch:
    """Seconds that one image spends in each stage: each is observed, and traced, when it ends."""

    def __init__(self, metrics: Metrics, tracer: Tracer = NO_TRACER) -> None:
        self.seconds: dict[str, float] = {}
        self._metrics = metrics
        self._tracer = tracer

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time and trace the block as the stage `name`, also when it raises."""
        started = time.perf_counter()
        try:
            with self._tracer.stage(name):
                yield
        finally:
            self.note(name, time.perf_counter() - started)

    def trace(self, name: str) -> AbstractContextManager[object]:
        """Trace the block as the stage `name`; how long its parts took is noted by whoever knows."""
        return self._tracer.stage(name)

    def note(self, name: str, seconds: float) -> None:
        """Add `seconds`, measured elsewhere, to the stage `name`."""
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 6)
        self._metrics.stages.labels(name).observe(seconds)
