"""Settings of the score store in MongoDB."""

from __future__ import annotations

from pydantic import Field, SecretStr

from schemas.settings import Advanced, Internal, Section


class MongoSettings(Section):
    """Where MongoDB is, and how long each step of an answer may take."""

    url: SecretStr | None = Field(
        None, description="mongodb://... with its credentials; SQLite at `path` where absent"
    )
    """Its options are honoured unless set here."""
    database: str = Field("tagstream", min_length=1, description="MongoDB's database")
    timeout: Advanced[float] = Field(10.0, gt=0, description="Seconds that one answer of MongoDB may take")
    """One operation: finding a primary, the driver's own retries, and waiting for the majority."""
    connections: Advanced[int] = Field(16, ge=1, description="Connections to MongoDB, at most")
    connect_timeout: Internal[float] = Field(5.0, gt=0)
    """Seconds that making one connection may take."""
