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
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agents.dead_letters import Deferrals
from agents.telemetry import masking
from agents.telemetry.masking import Mask
from agents.telemetry.settings import LogSettings, MetricsSettings, TracingSettings
from model.decoding.limits import DecoderLimits
from model.serving.batcher import BatchLimits
from schemas import naming
from schemas.errors import ConfigurationError
from schemas.naming import Keys, Naming
from schemas.settings import Advanced, DerivedFrom, Section, is_advanced, is_internal, rule_of
from streams.inflight import WindowLimits
from streams.resilience.breaker import Backoff, BreakerLimits
from streams.resilience.rejection_alarm import RejectionLimits

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


class DecodeSettings(DecoderLimits):
    """From bytes to pixels: the decoders' bounds, and how much may wait for them."""

    loading: Annotated[Advanced[int], DerivedFrom("half of TAGSTREAM_WINDOW__CONCURRENCY")] = Field(
        default_factory=lambda: WindowLimits().loading,
        ge=1,
        description="Images whose encoded bytes are in memory at once",
    )


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


class RoutesSettings(Section):
    """Which label goes where."""

    file: Path | None = Field(None, description="A routes file (TOML); the model's own routes where absent")


_FOLLOWING: Final = {"decode": "loading"}
"""By section the setting that is half of the window's concurrency until it is set."""


class Settings(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=_NEST, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    window: WindowLimits = Field(default_factory=WindowLimits)
    s3: S3Settings = Field(default_factory=S3Settings)
    uploads: UploadsSettings = Field(default_factory=UploadsSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    decode: DecodeSettings = Field(default_factory=DecodeSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    batch: BatchLimits = Field(default_factory=BatchLimits)
    retry: Backoff = Field(default_factory=Backoff)
    breaker: BreakerLimits = Field(default_factory=BreakerLimits)
    rejections: RejectionLimits = Field(default_factory=RejectionLimits)
    deferral: Deferrals = Field(default_factory=Deferrals)
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

    @field_validator(*_FOLLOWING)
    @classmethod
    def _follow(cls, section: Section, so_far: ValidationInfo) -> Section:
        """Give what follows the window its bound, unless it has one of its own."""
        follower, window = _FOLLOWING[so_far.field_name or ""], so_far.data.get("window")
        if window is None or follower in section.model_fields_set:
            return section
        return section.model_copy(update={follower: window.loading})


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


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a setting without an environment."""

    section: str
    field: str
    about: FieldInfo

    @property
    def name(self) -> str:
        """Its environment variable."""
        return f"{PREFIX}{self.section}{_NEST}{self.field}".upper()

    @property
    def meaning(self) -> str:
        """What it means, in a line."""
        return self.about.description or ""

    @property
    def rule(self) -> str | None:
        """What it is while it is not set, where it follows another one."""
        return rule_of(self.about)

    @property
    def is_advanced(self) -> bool:
        """Whether hardly anybody turns it."""
        return is_advanced(self.about)

    @property
    def is_secret(self) -> bool:
        """Whether its value is to be masked."""
        return SecretStr in (self.about.annotation, *get_args(self.about.annotation))


def described() -> Iterator[Setting]:
    """Every setting, section by section."""
    for section, holder in Settings.model_fields.items():
        group = holder.annotation
        if isinstance(group, type) and issubclass(group, Section):
            for name, field in group.model_fields.items():
                if not is_internal(field):
                    yield Setting(section, name, field)


def names() -> Iterator[str]:
    """The environment variable of every setting."""
    return (each.name for each in described())


def secret_names() -> Iterator[str]:
    """The environment variables of the settings that are secrets."""
    return (each.name for each in described() if each.is_secret)


def mask(settings: Settings | None = None) -> Mask:
    """A mask of every secret of this process's environment, were the settings wrong, and of `settings`."""
    given = masking.secrets_of(settings) if settings else ()
    return Mask([*masking.secrets_in(os.environ, secret_names()), *given])


def _refuse_unknown(environment: Iterable[str]) -> None:
    known = [*names()]
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
