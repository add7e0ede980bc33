"""Where an S3 storage is, who asks it, and how much at once."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from streams.adapters.limits import MEBIBYTE, Limits


class S3Credentials(BaseModel):
    """A key pair; without one the standard chain is asked (environment, profile, instance role)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_key_id: str
    secret_access_key: SecretStr
    session_token: SecretStr | None = None


class S3Settings(Limits):
    """Where the storage is and how much is asked of it at once."""

    endpoint_url: str | None = None
    """None is AWS; with an endpoint, buckets are addressed by path."""
    region: str = "us-east-1"
    credentials: S3Credentials | None = None
    fetch_concurrency: int = Field(default=32, ge=1)
    """Objects fetched at once, and connections kept."""
    bytes_in_flight: int = Field(default=256 * MEBIBYTE, ge=1)
    """Bytes of all objects being read at once."""
    deadline_seconds: float = Field(default=30.0, gt=0)
    """For one object, from the request to its last byte; beyond it the storage is `Unavailable`."""
