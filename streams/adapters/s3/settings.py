"""Settings of S3: where photographs are, and the bounds on reading them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from schemas.settings import Advanced, DerivedFrom
from streams.adapters.limits import Limits
from streams.inflight import WindowLimits


class S3Credentials(BaseModel):
    """A key pair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_key_id: str
    secret_access_key: SecretStr


class S3Settings(Limits):
    """Where photographs are, and the bounds on reading them."""

    endpoint_url: str | None = Field(None, description="S3 endpoint; AWS where absent")
    """With an endpoint, buckets are addressed by path."""
    region: str | None = Field(None, description="Region; AWS_REGION or AWS_DEFAULT_REGION where absent")
    access_key_id: SecretStr | None = Field(None, description="The standard credential chain where absent")
    secret_access_key: SecretStr | None = Field(
        None, description="The standard credential chain where absent"
    )
    concurrency: Annotated[Advanced[int], DerivedFrom("half of TAGSTREAM_WINDOW__CONCURRENCY")] = Field(
        default_factory=lambda: WindowLimits().loading,
        ge=1,
        description="Objects read at once; the connection pool's size",
    )
    bytes_in_flight: Advanced[int] = Field(
        256 * 2**20, ge=1, description="Bytes of objects being read at once"
    )
    deadline: Advanced[float] = Field(30.0, gt=0, description="Seconds that reading one object may take")
    """From the request to the last byte; beyond it the storage is `Unavailable`."""

    etag_is_md5: Advanced[bool] = Field(
        default=True,
        description="A plain etag (32 digits) is the object's MD5; false for a storage whose are not",
    )
    """What does not match is `Unavailable`, and never blamed on the photograph."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
        return self
