"""The HTTP API in one process: a fake tagger, keys and photographs in memory, a client without a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Generic, Self, TypeVar

import httpx

from agents.bounded_times import ClockLimits
from agents.ports import WithRendition
from agents.telemetry.metrics import Metrics
from agents.testing import LABELS, FakeTagger
from console.app import create_app
from console.identity import Identity
from console.service import ApiService, ServedModel
from model.preprocess import Preprocess
from operations import api_keys, erase, erasure_targets
from operations.decision_desk import DecisionDesk
from operations.erase import ErasureResult
from operations.eraser import Eraser
from operations.erasure_desk import ErasureDesk
from operations.erasure_objects import ImageObjects
from operations.erasure_renditions import ImageRenditions
from operations.erasure_targets import ErasureRequest, ErasureTarget
from operations.erasure_world import ErasureStorage, ErasureWorld
from operations.model_choice import ModelChoice, Resolve
from operations.outbox import Outbox
from operations.predict import PixelTagger, Predictor
from operations.receive import Reception
from operations.thumbnails import RenditionReads, ThumbnailBounds, Thumbnails
from operations.topic_remains import TopicRemains
from schemas.api_keys import Scope
from schemas.api_settings import ApiSettings
from schemas.decisions import ModerationDecided
from schemas.errors import Unavailable
from schemas.uploads import ImageUploaded, Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryScores, MemoryTags
from streams.ports import ObjectVersions

E = TypeVar("E")

PROBLEM: Final = "application/problem+json"
FIELDS: Final = {"type", "title", "status", "detail", "instance", "request_id"}
"""What every problem document has."""
BUCKET: Final = "photos"


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class RealDecoding(FakeTagger):
    """Decodes as the models do; its scores are a fake's."""

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        self._preprocess = preprocess

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        """Of a real file."""
        made = self._preprocess.decode_and_reduce(data, None)
        return WithRendition(made.pixels.tobytes(), None, made.facts)


class Stumbling(FakeTagger):
    """Fails in a way that nobody foresaw."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def decode_and_reduce(self, data: bytes) -> WithRendition:  # noqa: ARG002
        """Never."""
        raise self._error


class MemorySink(Generic[E]):
    """A topic that may be away."""

    def __init__(self) -> None:
        self.events: list[E] = []
        self.is_open = False
        self.is_away = False

    async def __aenter__(self) -> Self:
        if self.is_away:
            raise Unavailable("broker")
        self.is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_open = False

    async def publish(self, *events: E) -> None:
        """See `EventSink.publish`."""
        if self.is_away:
            raise Unavailable("broker")
        self.events += events


@dataclass
class OneLoadable:
    """The one version of a tagger, which may be away."""

    tagger: PixelTagger
    is_loaded: bool = True

    def is_resident(self, version: str) -> bool:
        """Unless it is away."""
        return self.is_loaded and version == self.tagger.model.version

    @contextmanager
    def pinned(self, version: str, *, is_live: bool = False) -> Iterator[PixelTagger | None]:  # noqa: ARG002
        """See `LoadableVersions.pinned`."""
        yield self.tagger if self.is_resident(version) else None


class OwnDecoding:
    """Makes thumbnails as the decoders do, in this process; each waits until it is allowed."""

    def __init__(self) -> None:
        self.made: list[tuple[bytes, int]] = []
        """Photographs and sides, as they were begun."""
        self.allowed = asyncio.Event()
        self.allowed.set()

    async def thumbnail(self, data: bytes, side: int) -> bytes:
        """See `ThumbnailDecoder.thumbnail`."""
        self.made.append((data, side))
        await self.allowed.wait()
        return Preprocess().thumbnail(data, side)


@dataclass
class Rig:
    """What stands around the app; a test changes it before it asks."""

    tagger: FakeTagger = field(default_factory=FakeTagger)
    limits: ApiSettings = field(default_factory=ApiSettings)
    store: MemoryScores = field(default_factory=MemoryScores)
    images: MemoryImages = field(default_factory=lambda: MemoryImages(Limits(buckets=(BUCKET,))))
    resolve: Resolve | None = None
    clock: Callable[[], float] = time.monotonic
    is_ready: bool = True
    tags: MemoryTags = field(default_factory=MemoryTags)
    renditions: RenditionReads | None = None
    bounds: ThumbnailBounds = field(default_factory=ThumbnailBounds)

    def __post_init__(self) -> None:
        self.versions = OneLoadable(self.tagger)
        self.metrics = Metrics()
        self.sink = MemorySink[ModerationDecided]()
        self.outbox = Outbox[ModerationDecided](lambda: self.sink)
        self.uploads = MemorySink[ImageUploaded]()
        served = ServedModel(self.tagger.model, LABELS, self.tagger.input_side)
        predictor = Predictor(self.versions, lambda: served.ref.version, self.images, self.limits)
        self.decoding = OwnDecoding()
        self.versions_of_objects: ObjectVersions = self.images
        self.thumbnails = Thumbnails(
            self.images,
            self.decoding,
            lambda: predictor.admission.is_quiet(0.0),
            renditions=self.renditions,
            bounds=self.bounds,
        )
        self.service = ApiService(
            limits=self.limits,
            identity=Identity(self.store, self.limits, self.clock),
            predictor=predictor,
            reception=Reception(self.images, Outbox[ImageUploaded](lambda: self.uploads), predictor.look),
            choice=ModelChoice(lambda: served.ref, self.resolve, alias="fake@champion"),
            serving=lambda: served,
            is_ready=lambda: self.is_ready,
            store=self.store,
            decisions=DecisionDesk(self.store, self.outbox, lambda: LABELS, ClockLimits()),
            files=self.images,
            thumbnails=self.thumbnails,
            erasures=ErasureDesk(
                partial(erasure_targets.choose, self.store), self._erase, self.thumbnails.forget
            ),
        )

    async def _erase(self, request: ErasureRequest, targets: tuple[ErasureTarget, ...]) -> ErasureResult:
        """As `erase.erase` does it, over what is in memory."""

        async def remains(_: Collection[str]) -> tuple[TopicRemains, ...]:
            return ()

        async def waiting() -> int:
            return 0

        eraser = Eraser(self.store, self.tags, now=lambda: datetime.now(UTC))
        storage = ErasureStorage(ImageObjects(self.versions_of_objects), ImageRenditions(None))
        return await erase.erase_in(ErasureWorld(eraser, storage, remains, waiting), request, targets)

    async def key(
        self, *scopes: Scope, expires_in: timedelta | None = None, made_at: datetime | None = None
    ) -> str:
        """The token of a new key, for predictions unless something else is said."""
        made = await api_keys.create(
            self.store,
            "test",
            scopes or (Scope.PREDICT,),
            expires_in,
            by="ann",
            now=made_at or datetime.now(UTC),
        )
        return made.token.text

    async def put(self, key: str, data: bytes) -> dict[str, Any]:
        """The body that asks for an object which lies there now."""
        await self.images.put(Location(bucket=BUCKET, key=key), data)
        return {"location": {"bucket": BUCKET, "key": key}}

    @asynccontextmanager
    async def client(self, token: str | None = "") -> AsyncIterator[httpx.AsyncClient]:
        """One that shows `token`: a new key's where it is empty, none where it is None."""
        shown = await self.key() if token == "" else token
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        app: Any = create_app(self.service, self.metrics.api)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            yield client
        await self.service.thumbnails.close()
        await self.service.erasures.close()
        await self.service.identity.close()


def limits(**changed: Any) -> ApiSettings:
    """The defaults, but for these, which may be below what a setting may be."""
    return ApiSettings().model_copy(update=changed)


def image(data: bytes = b"a photograph", name: str = "table.jpg") -> dict[str, tuple[str, bytes]]:
    """The part that a prediction wants."""
    return {"image": (name, data)}


def problem_of(answer: httpx.Response, status: int, code: str) -> Mapping[str, Any]:
    """The problem document, which has to be a whole one."""
    said: dict[str, Any] = answer.json()
    assert (answer.status_code, said.get("type")) == (status, f"/problems/{code}"), answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert FIELDS <= said.keys() <= FIELDS | {"errors"}
    assert (said["status"], said["instance"]) == (status, answer.request.url.path)
    assert said["request_id"] == answer.headers["x-request-id"]
    assert said["title"]
    assert said["detail"]
    return said
