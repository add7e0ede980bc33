"""Every setting of Tagstream, read from the environment in one place into frozen values.

Names are `TAGSTREAM_` and the path of the field, nested by `__`: `TAGSTREAM_KAFKA__BROKERS`. The
standard `AWS_*` names are honoured where ours are absent. A name that we do not know is an error:
a misspelt setting must not be a default in silence.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from schemas import naming
from schemas.errors import ConfigurationError
from schemas.naming import Keys, Naming

BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
"""S3's own rule is narrower today, and was wider once. What is none could be another host to the client:
an ARN names a host, and `/`, `@`, `:` or `?` could end one."""

_S3: Final = "s3://"


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A prefix in a bucket."""

    bucket: str
    prefix: str


def registry(url: str) -> BucketAddress | Path:
    """`s3://bucket/prefix`, or a folder of this machine.

    Raises `ValueError` for anything else, and does not repeat it: somebody may have put a password into it.
    """
    if not url.startswith(_S3):
        if not url or "://" in url:
            raise ValueError("a registry is s3://BUCKET/PREFIX, or a folder")
        return Path(url)
    bucket, _, prefix = url.removeprefix(_S3).partition("/")
    if not BUCKET.fullmatch(bucket):
        raise ValueError("what follows s3:// is not a bucket's name (of an access point, take the alias)")
    if not {".", ".."}.isdisjoint(prefix.split("/")):
        raise ValueError("a prefix has no segment . or ..")
    return BucketAddress(bucket, prefix)


PREFIX = "TAGSTREAM_"
_NEST = "__"


def _listed(given: object) -> object:
    """A JSON list out of the environment. Not pydantic-settings' own: its error names no variable."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError as error:
        raise ValueError('a JSON list is wanted, as in ["photos"]') from error


class Section(BaseModel):
    """A group of settings; frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Section):
    """The broker, and how this worker reads from it."""

    brokers: str = Field("127.0.0.1:9092", description="Bootstrap servers, host:port separated by commas")
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="What the brokers' port speaks: TLS with ssl, a login with sasl"
    )
    ca_file: Path | None = Field(
        None, description="PEM file of the authorities trusted for TLS; this system's where absent"
    )
    certificate_file: Path | None = Field(
        None, description="PEM file of this client's certificate, where the brokers want one"
    )
    key_file: Path | None = Field(None, description="PEM file of its key; the certificate's own where absent")
    key_password: SecretStr | None = Field(None, description="Password of an encrypted key")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the login is proven; PLAIN sends the password itself"
    )
    username: str | None = Field(None, min_length=1, description="Name of the login, with a security of sasl")
    password: SecretStr | None = Field(None, min_length=1, description="Password of the login")
    group: str = Field("tagstream", min_length=1, description="Consumer group of the live workers")
    session_timeout: float = Field(10.0, gt=0, description="Seconds of silence before a worker is given up")
    source: str = Field("/tagstream", min_length=1, description="`ce_source` of every event that goes out")
    commit_interval: float = Field(0.5, gt=0, description="Seconds between two commits of offsets")
    drain_limit: float = Field(
        20.0, ge=0, description="Seconds that work in flight has to finish at a stop or a rebalance"
    )
    buffer: int = Field(1024, ge=1, description="Messages held before the partitions are paused")

    @property
    def is_tls(self) -> bool:
        """Whether connections are encrypted and the brokers' certificates verified."""
        return self.security.endswith("ssl")

    @model_validator(mode="after")
    def _certificate_goes_with_tls(self) -> Self:
        given = [name for name in ("ca_file", "certificate_file", "key_file") if getattr(self, name)]
        if given and not self.is_tls:
            raise ValueError(
                f"{given[0]} is of no use with security {self.security}; set it to ssl or sasl_ssl"
            )
        if (self.key_file or self.key_password) and not self.certificate_file:
            raise ValueError("a key without certificate_file; set it, or neither key_file nor key_password")
        return self

    @model_validator(mode="after")
    def _login_goes_with_sasl(self) -> Self:
        given = [name for name in ("username", "password") if getattr(self, name)]
        if given and not self.security.startswith("sasl"):
            raise ValueError(f"{given[0]} is of no use with security {self.security}; set it to sasl_ssl")
        if self.security.startswith("sasl") and len(given) < 2:  # noqa: PLR2004 - both
            raise ValueError(f"security {self.security} wants both username and password")
        return self


class WindowSettings(Section):
    """The in-flight window."""

    concurrency: int = Field(64, ge=1, description="Images worked on at once")
    background: int = Field(32, ge=1, description="Of them, images of the replay lane, at most")
    reserve: int = Field(8, ge=1, description="Decisions worked on beyond them, while storage is away too")
    span: int = Field(10_000, ge=1, description="Offsets from a partition's oldest unfinished message on")
    stall: float = Field(
        300.0, gt=0, description="Seconds with work in flight and none finished until the worker exits"
    )


class S3Settings(Section):
    """Where photographs are, and the bounds on reading them."""

    endpoint_url: str | None = Field(None, description="S3 endpoint; AWS where absent")
    region: str | None = Field(None, description="Region; AWS_REGION or AWS_DEFAULT_REGION where absent")
    access_key_id: SecretStr | None = Field(None, description="The standard credential chain where absent")
    secret_access_key: SecretStr | None = Field(
        None, description="The standard credential chain where absent"
    )
    buckets: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (), description="Buckets that events may name, as a JSON list; nothing else is ever read"
    )
    concurrency: int = Field(32, ge=1, description="Objects read at once; the connection pool's size")
    bytes_in_flight: int = Field(256 * 2**20, ge=1, description="Bytes of objects being read at once")
    max_object_bytes: int = Field(64 * 2**20, ge=1, description="A larger object is dead-lettered")
    deadline: float = Field(30.0, gt=0, description="Seconds that reading one object may take")

    @field_validator("buckets")
    @classmethod
    def _names(cls, buckets: tuple[str, ...]) -> tuple[str, ...]:
        for bucket in buckets:
            if not BUCKET.fullmatch(bucket):
                raise ValueError(f"{bucket!r} is not a bucket's name (of an access point, take the alias)")
        return buckets

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
        return self


class UploadsSettings(Section):
    """How storage's own notifications are read."""

    keys: Keys = Field(Keys.AUTO, description="How S3 notifications spell keys: auto, encoded or raw")
    key_pattern: str | None = Field(
        None,
        description="Regular expression whose groups `restaurant` and `uploader` say whose a key is,"
        " as in ^(?P<restaurant>[^/]+)/",
    )

    @field_validator("key_pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            naming.compiled(pattern)
        return pattern

    @property
    def naming(self) -> Naming:
        """The same, as `wire.decode` takes it."""
        return Naming(self.keys, naming.compiled(self.key_pattern) if self.key_pattern else None)


class StoreSettings(Section):
    """Where heads and scores are kept."""

    url: SecretStr | None = Field(
        None, description="mongodb://... with its credentials; SQLite at `path` where absent"
    )
    database: str = Field("tagstream", min_length=1, description="MongoDB's database")
    timeout: float = Field(10.0, gt=0, description="Seconds that one answer of MongoDB may take")
    connections: int = Field(16, ge=1, description="Connections to MongoDB, at most")
    path: Path = Field(Path("tagstream.sqlite"), description="The SQLite file of the embedded store")


class DecodeSettings(Section):
    """From bytes to pixels."""

    processes: int = Field(2, ge=1, description="Images decoded at once, each in a process of its own")
    memory: int = Field(
        2 * 2**30,
        ge=128 * 2**20,
        description="Bytes that each of them may hold; an image that needs more is rejected",
    )
    deadline: float = Field(60.0, ge=1, description="Seconds of CPU time that decoding one image may take")
    loading: int = Field(32, ge=1, description="Images whose encoded bytes are in memory at once")


class ModelSettings(Section):
    """The resident model."""

    folder: Path | None = Field(None, description="A version folder; the packaged model where absent")
    ref: str | None = Field(
        None,
        description="A version of the registry instead, asked for at the start, as in restaurant@champion",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one")
    threads: int | None = Field(None, ge=1, description="CPU threads of a forward; torch decides if absent")

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.folder and self.ref:
            raise ValueError("folder and ref both name a model; set one of them")
        return self


class RegistrySettings(Section):
    """Where published versions of models are."""

    url: str | None = Field(
        None,
        description="s3://bucket/prefix, reached as TAGSTREAM_S3__* says, or a folder; none where absent",
    )
    cache: Path | None = Field(
        None,
        description="Folder that fetched versions are kept in; $XDG_CACHE_HOME/tagstream/models where absent",
    )
    deadline: float = Field(60.0, gt=0, description="Seconds that one object of it may take")

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str | None) -> str | None:
        if url is not None:
            registry(url)
        return url


class BatchSettings(Section):
    """The micro-batcher."""

    max_size: int = Field(32, ge=1, description="Images in a forward, at most")
    linger: float = Field(0.0, ge=0, description="Seconds to wait for more images, from the first one on")
    intake: int = Field(128, ge=1, description="Images waiting for a forward before the window is held back")


class RetrySettings(Section):
    """How a dependency that is away is waited for."""

    first: float = Field(0.2, gt=0, description="Seconds before the first try again, at most")
    longest: float = Field(15.0, gt=0, description="Seconds between two tries, at most")


class BreakerSettings(Section):
    """When a dependency counts as away, so that one call at a time asks for it."""

    calls: int = Field(5, ge=1, description="Different calls refused, with no answer between them")
    after: float = Field(1.0, ge=0, description="Seconds from the first of those refusals on, at least")
    few_after: float = Field(
        30.0, ge=0, description="Seconds of refusals with no answer after which fewer calls are enough"
    )
    spread: float = Field(1.0, ge=0, description="Seconds over which work goes on when it is back")


class RejectionSettings(Section):
    """When rejections for one cause are too many to be buried."""

    share: float = Field(
        0.5, gt=0, le=1, description="Share of all messages above which they are held; 1 lets a topic drain"
    )
    window: float = Field(60.0, gt=0, description="Seconds over which the share is taken")
    minimum: int = Field(50, ge=1, description="Messages within them, below which no share means anything")
    probe: float = Field(15.0, gt=0, description="Seconds between two tries of what is held")


class DeferralSettings(Section):
    """What becomes of one object that keeps failing while others succeed."""

    attempts: int = Field(8, ge=1, description="Refusals of one object until it goes to the retry topic")
    delay: float = Field(300.0, gt=0, description="Seconds until a message on the retry topic is due")
    most: int = Field(5, ge=0, description="Times on the retry topic until a message is parked for a person")


class RoutesSettings(Section):
    """Which label goes where."""

    file: Path | None = Field(None, description="A routes file (TOML); the model's own routes where absent")


class LogSettings(Section):
    """What the worker says."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug names every message"
    )
    format: Literal["console", "json"] = Field("console", description="json for machines")


class MetricsSettings(Section):
    """Where Prometheus and the probes read."""

    port: int | None = Field(
        None, ge=0, le=65_535, description="Port of /metrics, /livez and /readyz; 0 for a free one"
    )
    host: str = Field("127.0.0.1", description="Address that /metrics, /livez and /readyz listen on")
    silence: float = Field(
        30.0, gt=0, description="Seconds that the event loop may be blocked until /livez says so"
    )


class TracingSettings(Section):
    """Where OpenTelemetry's spans go."""

    endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/]+",
        description="OTLP over HTTP; OTEL_EXPORTER_OTLP_ENDPOINT if absent, no traces without either",
    )
    sample: float = Field(
        1.0, ge=0, le=1, description="Share of traces that are kept, where the producer has not decided"
    )
    queue: int = Field(4096, ge=512, description="Spans that wait to be sent; beyond it the oldest are lost")
    timeout: float = Field(5.0, gt=0, description="Seconds that sending a batch of spans may take")
    flush_limit: float = Field(5.0, ge=0, description="Seconds at a stop to send what waits")


class Settings(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=_NEST, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    window: WindowSettings = Field(default_factory=WindowSettings)
    s3: S3Settings = Field(default_factory=S3Settings)
    uploads: UploadsSettings = Field(default_factory=UploadsSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    decode: DecodeSettings = Field(default_factory=DecodeSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    batch: BatchSettings = Field(default_factory=BatchSettings)
    retry: RetrySettings = Field(default_factory=RetrySettings)
    breaker: BreakerSettings = Field(default_factory=BreakerSettings)
    rejections: RejectionSettings = Field(default_factory=RejectionSettings)
    deferral: DeferralSettings = Field(default_factory=DeferralSettings)
    routes: RoutesSettings = Field(default_factory=RoutesSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    aws_endpoint_url: str | None = Field(
        None, validation_alias=AliasChoices("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), exclude=True
    )
    aws_region: str | None = Field(
        None, validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"), exclude=True
    )
    otel_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", exclude=True)


def load() -> Settings:
    """The settings of this environment.

    Raises:
        ConfigurationError: one line that names the first wrong setting and how to mend it.
    """
    _refuse_unknown(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(_in_words(error)) from error


@contextmanager
def blame(variable: str) -> Iterator[None]:
    """Say which setting a `ConfigurationError` of the block is about."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{variable}: {error}") from error


def names() -> Iterator[tuple[str, str, Any]]:
    """Every setting: its environment variable, what it means, and its default."""
    for section, holder in Settings.model_fields.items():
        group = holder.annotation
        if isinstance(group, type) and issubclass(group, Section):
            for name, field in group.model_fields.items():
                variable = f"{PREFIX}{section}{_NEST}{name}".upper()
                yield variable, field.description or "", field.default


def secret_names() -> Iterator[str]:
    """The environment variables of the settings that are secrets."""
    for section, holder in Settings.model_fields.items():
        group = holder.annotation
        if isinstance(group, type) and issubclass(group, Section):
            for name, field in group.model_fields.items():
                if SecretStr in get_args(field.annotation):
                    yield f"{PREFIX}{section}{_NEST}{name}".upper()


def _refuse_unknown(environment: Iterable[str]) -> None:
    known = [name for name, _, _ in names()]
    for name in environment:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise ConfigurationError(f"{name} is not a setting of Tagstream{_nearest(name, known)}")


def _nearest(name: str, known: list[str]) -> str:
    # Without the prefix, which all have in common and which would make anything look alike.
    bare = {variable.removeprefix(PREFIX): variable for variable in known}
    close = difflib.get_close_matches(name.upper().removeprefix(PREFIX), bare, n=1)
    return f"; did you mean {bare[close[0]]}?" if close else "; `tagstream config show` lists them all"


def _in_words(error: ValidationError) -> str:
    first = error.errors()[0]
    path = _NEST.join(part for part in first["loc"] if isinstance(part, str))
    said = first["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{path.upper()}: {said}"
