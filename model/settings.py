"""Settings of the model: which version works, where published ones are, and which label goes where."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from schemas import addresses
from schemas.addresses import BucketAddress
from schemas.rendition_recipe import RenditionRecipe
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


class RenditionSettings(Section):
    """Small photographs that replays read in place of the originals."""

    url: str | None = Field(
        None,
        description="s3://bucket/prefix in which renditions are kept, reached as TAGSTREAM_S3__* says, in a"
        " bucket without uploads; none are kept where absent",
    )
    side: Advanced[int] = Field(
        320,
        ge=32,
        le=1024,
        description="Pixels of their shorter side; a version whose input has more reads the originals",
    )
    quality: Advanced[int] = Field(90, ge=50, le=100, description="Of their JPEG")

    @field_validator("url")
    @classmethod
    def _is_a_bucket(cls, url: str | None) -> str | None:
        if url is not None and not isinstance(addresses.registry(url), BucketAddress):
            raise ValueError("renditions are kept at s3://BUCKET/PREFIX")
        return url

    @property
    def place(self) -> BucketAddress | None:
        """Where they are kept; None where none are."""
        place = addresses.registry(self.url) if self.url else None
        return place if isinstance(place, BucketAddress) else None

    @property
    def recipe(self) -> RenditionRecipe | None:
        """What they are made by; None where none are."""
        return RenditionRecipe(side=self.side, quality=self.quality) if self.url else None


class RoutesSettings(Section):
    """Which label goes where."""

    file: Path | None = Field(None, description="A routes file (TOML); the model's own routes where absent")
