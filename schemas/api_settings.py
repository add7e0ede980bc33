"""Settings of the HTTP API; here because all settings are put together below the packages that serve it."""

from __future__ import annotations

from pydantic import Field

from schemas.settings import Advanced, Internal, Section


class ApiSettings(Section):
    """The HTTP API: where it listens, and what it takes."""

    host: str = Field("127.0.0.1", description="Address that `tagstream serve` listens on")
    port: int = Field(8000, ge=0, le=65_535, description="Its port; 0 for a free one")
    deadline: float = Field(
        2.0, gt=0, description="Seconds for a photograph of a prediction, fetch included; then 503"
    )
    predictions: int = Field(
        64,
        ge=1,
        description="Photographs of predictions in hand at once, fewer where so many would be late",
    )
    key_rate: float = Field(
        100.0, gt=0, description="Photographs a second that one key may have predicted, in each process"
    )
    batch_photographs: Advanced[int] = Field(
        8,
        ge=0,
        description="Photographs of batch jobs in hand at once, one while predictions come; 0 leaves batch"
        " jobs to other servers",
    )
    body_bytes: int = Field(20 * 2**20, ge=2**10, description="Bytes of a request's body, at most; then 413")
    bodies_bytes: Advanced[int] = Field(
        256 * 2**20, ge=2**10, description="Bytes of all bodies in memory at once; then 503"
    )
    stop_limit: Advanced[float] = Field(
        30.0, ge=0, description="Seconds for which a stop waits for what is in hand to be answered"
    )
    burst: Internal[float] = Field(2.0, gt=0)
    """Seconds of its rate that a key which asked for nothing may use up at once."""
    slow_seconds: Internal[float] = Field(10.0, gt=0)
    """A body is looked at so often."""
    slow_bytes: Internal[int] = Field(1024, ge=1)
    """Of a second, which a body has to bring on average between two looks; else 408."""
