"""`snapshot.json`: what a snapshot holds, how it came to be, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from model.data.entries import RefusalCause
from model.data.photograph import Split

FORMAT: Final = 1
THREE_VALUED: Final = 2
"""The format of a snapshot with maybes: a version that knows none would take them for no."""

FORMATS: Final = (FORMAT, THREE_VALUED)
FILE: Final = "snapshot.json"

HANDLED: Final = (
    "training draws every label equally often, and within a label a source of n photographs n ** 0.6 times as"
    " often as a source of one"
)

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class DocumentPart(BaseModel):
    """A frozen part of the document; fields of a later version are ignored by an earlier one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Shard(DocumentPart):
    """One tar file, whose name says its split."""

    file: Annotated[str, Field(pattern=r"^(train|val|test)-[0-9]{6}\.tar$")]
    split: Split
    pictures: int
    bytes: int
    sha256: Digest


class Counts(DocumentPart):
    """Of a split or of a source."""

    pictures: int = 0
    negatives: int = 0
    """Of them; they show none of the labels, beyond doubt."""
    labels: Mapping[str, int] = {}
    """Pictures by label; one of two labels counts under both."""
    splits: Mapping[str, int] = {}
    """Pictures by split, of a source."""
    maybe: Mapping[str, int] = {}
    """Pictures of which the label is in doubt; it stands in the document where there are such."""

    @model_serializer(mode="wrap")
    def _as_before_there_were_maybes(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = dump(self)
        return document if self.maybe else {key: it for key, it in document.items() if key != "maybe"}


class Imbalance(DocumentPart):
    """How unevenly the labels are filled, by the main label of each picture."""

    most: str = ""
    fewest: str = ""
    ratio: float = 1.0
    """Pictures of the label with the most, for one of the label with the fewest."""
    handled: str = HANDLED


class LeftOut(DocumentPart):
    """One thing that is not in the snapshot."""

    place: str
    cause: RefusalCause
    why: str


class RefusedEntries(DocumentPart):
    """All of them."""

    counts: Mapping[str, int] = {}
    every: tuple[LeftOut, ...] = ()


class NearDuplicates(DocumentPart):
    """Groups of pictures that are alike, by their names in the snapshot; each is on one side."""

    measure: str = ""
    groups: tuple[tuple[str, ...], ...] = ()
    across: int = 0
    """Groups that stood on two sides by the splits that the data brought."""
    moved: tuple[str, ...] = ()
    """Pictures that went to another side than the data said, for that reason."""


class ImportSettings(DocumentPart):
    """What the import was told."""

    seed: int
    shares: tuple[float, float, float]
    by_source: bool
    smallest: int
    resplit: bool
    merge_conflicts: bool
    leave_out: tuple[str, ...] = ()


class Document(DocumentPart):
    """The whole of it."""

    format: int = FORMAT
    name: str
    digest: Digest
    labels: tuple[str, ...]
    pictures: int
    negatives: int
    splits: Mapping[Split, Counts]
    sources: Mapping[str, Counts]
    imbalance: Imbalance
    warnings: tuple[str, ...] = ()
    near_duplicates: NearDuplicates = NearDuplicates()
    merged: tuple[str, ...] = ()
    refused: RefusedEntries = RefusedEntries()
    settings: ImportSettings
    shards: tuple[Shard, ...]

    @property
    def folder(self) -> str:
        """The name of the snapshot's folder."""
        return f"{self.name}-{self.digest[:12]}"


def digest(labels: Sequence[str], shards: Sequence[Shard]) -> str:
    """Of all that can be learned from a snapshot: the labels in order, and the bytes of every shard."""
    lines = [*(f"label {label}" for label in labels), *(f"{each.sha256} {each.file}" for each in shards)]
    return sha256("\n".join(lines).encode()).hexdigest()
