"""Every setting of Tagstream, read from the environment in one place into frozen values.

Names are `TAGSTREAM_` and the path of the field, nested by `__`: `TAGSTREAM_KAFKA__BROKERS`. The
standard `AWS_*` names are honoured where ours are absent. A name that we do not know is an error:
a misspelt setting must not be a default in silence.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, get_args

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from agents.bounded_times import ClockLimits
from agents.dead_letters import Deferrals
from agents.statement_template import StatementSettings
from agents.telemetry import masking
from agents.telemetry.masking import Mask
from agents.telemetry.settings import LogSettings, MetricsSettings, TracingSettings
from model.decoding.limits import DecoderLimits
from model.serving.batcher import BatchLimits
from model.settings import ModelSettings, RegistrySettings, RenditionSettings, RoutesSettings
from schemas.api_settings import ApiSettings
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError
from schemas.naming import Naming
from schemas.settings import Advanced, DerivedFrom, Section, is_advanced, is_internal, rule_of
from streams.adapters.kafka.settings import KafkaSettings
from streams.adapters.mongo.settings import MongoSettings
from streams.adapters.s3.settings import S3Settings
from streams.inflight import WindowLimits
from streams.resilience.breaker import Backoff, BreakerLimits
from streams.resilience.rejection_alarm import RejectionLimits

PREFIX = "TAGSTREAM_"
_NEST = "__"


class StoreSettings(MongoSettings):
    """Where heads and scores are kept."""

    path: Path = Field(Path("tagstream.sqlite"), description="The SQLite file of the embedded store")


class DecodeSettings(DecoderLimits):
    """From bytes to pixels: the decoders' bounds, and how much may wait for them."""

    loading: Annotated[Advanced[int], DerivedFrom("half of TAGSTREAM_WINDOW__CONCURRENCY")] = Field(
        default_factory=lambda: WindowLimits().loading,
        ge=1,
        description="Images whose encoded bytes are in memory at once",
    )


_FOLLOWING: Final = {"decode": "loading", "s3": "concurrency"}
"""By section the setting that is half of the window's concurrency until it is set."""


class Settings(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=_NEST, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    window: WindowLimits = Field(default_factory=WindowLimits)
    s3: S3Settings = Field(default_factory=S3Settings)
    uploads: Naming = Field(default_factory=Naming)
    store: StoreSettings = Field(default_factory=StoreSettings)
    decode: DecodeSettings = Field(default_factory=DecodeSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    renditions: RenditionSettings = Field(default_factory=RenditionSettings)
    batch: BatchLimits = Field(default_factory=BatchLimits)
    retry: Backoff = Field(default_factory=Backoff)
    breaker: BreakerLimits = Field(default_factory=BreakerLimits)
    rejections: RejectionLimits = Field(default_factory=RejectionLimits)
    clock: ClockLimits = Field(default_factory=ClockLimits)
    deferral: Deferrals = Field(default_factory=Deferrals)
    routes: RoutesSettings = Field(default_factory=RoutesSettings)
    statements: StatementSettings = Field(default_factory=StatementSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
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

    @field_validator("renditions")
    @classmethod
    def _is_no_bucket_of_uploads(
        cls, renditions: RenditionSettings, so_far: ValidationInfo
    ) -> RenditionSettings:
        """Where storage notifies of uploads each rendition would be one, and be tagged."""
        s3 = so_far.data.get("s3")
        if s3 is not None and renditions.place is not None and renditions.place.bucket in s3.buckets:
            raise ValueError("renditions need a bucket of their own, not one of TAGSTREAM_S3__BUCKETS")
        return renditions

    @property
    def naming(self) -> Naming:
        """How notifications are read: storage may tell of each rendition, and that is no upload."""
        place = self.renditions.place
        return self.uploads if place is None else self.uploads.model_copy(update={"own_bucket": place.bucket})


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
class SettingField:
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


def described() -> Iterator[SettingField]:
    """Every setting, section by section."""
    for section, holder in Settings.model_fields.items():
        group = holder.annotation
        if isinstance(group, type) and issubclass(group, Section):
            for name, field in group.model_fields.items():
                if not is_internal(field):
                    yield SettingField(section, name, field)


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
            otherwise = "`tagstream config show` lists them all"
            hint = did_you_mean(name, known, otherwise=otherwise, common=PREFIX)
            raise ConfigurationError(f"{name} is not a setting of Tagstream{hint}")


def _in_words(error: ValidationError) -> str:
    first = error.errors()[0]
    path = _NEST.join(part for part in first["loc"] if isinstance(part, str))
    text = first["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{path.upper()}: {text}"
