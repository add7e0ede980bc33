"""Settings of the model: which version works, where published ones are, and which label goes where."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from schemas import addresses
from schemas.settings import Advanced, Section


class ModelSettings(Section):
    """The resident model."""

    folder: Path | None = Field(None, description="A version folder; the packaged model where absent")
    ref: str | None = Field(
        None,
        description="A version of the registry instead, as in restaurant/v2, or an alias that is followed, as"
        " in restaurant@champion",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one")
    resident: Advanced[int] = Field(
        2,
        ge=1,
        description="Versions in memory at once: the one that works, and those that replays ask for",
    )
    threads: int | None = Field(
        None, ge=1, description="CPU threads of the forward; all cores, at most 8, if absent"
    )

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
    deadline: Advanced[float] = Field(60.0, gt=0, description="Seconds that one object of it may take")
    poll: Advanced[float] = Field(
        30.0, gt=0, description="Seconds after which a worker asks again where its alias points, if untold"
    )

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str | None) -> str | None:
        if url is not None:
            addresses.registry(url)
        return url


class RoutesSettings(Section):
    """Which label goes where."""

    file: Path | None = Field(None, description="A routes file (TOML); the model's own routes where absent")
