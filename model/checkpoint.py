"""Model version on disk: written whole or not at all, and read only if nothing in it has changed.

    model.safetensors   the weights; their labels in its metadata
    manifest.json       see `model.manifest`
    model-card.md       what it is for, how it was made, where it is weak
    golden/*.png        pictures with known scores
    openvino.xml        the layers for OpenVINO, see `model.runtimes.openvino_graph`; older versions lack it
    borderline.safetensors
                        pictures near the thresholds, see `model.serving.borderline`; older versions lack it

No pickle, and no torch: weights travel as numpy arrays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from model import safetensors_header
from model.atomic_folders import building, write_synced
from model.manifest import Manifest
from schemas.errors import ConfigurationError
from schemas.validation import first_fault

Weights = Mapping[str, npt.NDArray[Any]]

WEIGHTS: Final = "model.safetensors"
MANIFEST: Final = "manifest.json"
CARD: Final = "model-card.md"
GOLDEN: Final = "golden"
GRAPH: Final = "openvino.xml"
BORDERLINE: Final = "borderline.safetensors"

PACKAGED: Final = Path(__file__).parent / "packaged" / "restaurant-v5"
"""The default version, inside the installed package: a user downloads nothing."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version in memory, as read and verified or as about to be written."""

    manifest: Manifest
    weights: Weights = field(repr=False)
    card: str = field(repr=False)
    golden: Mapping[str, bytes] = field(repr=False)
    """File name to PNG."""
    graph: bytes = field(default=b"", repr=False)
    """Its layers for OpenVINO; empty where it has none."""
    borderline: bytes = field(default=b"", repr=False)
    """Pictures near its thresholds; empty where it has none."""


def read(folder: Path) -> Version:
    """The version in `folder`, every byte of it verified against the manifest.

    Raises `ConfigurationError`, which names the file that is missing, damaged or of another model.
    """
    manifest = read_manifest(folder)
    data = _verified(folder / WEIGHTS, digest=manifest.sha256)
    return Version(
        manifest=manifest,
        weights=_weights(data, manifest=manifest, file=folder / WEIGHTS),
        card=_bytes(folder / CARD).decode(),
        golden={
            golden.file: _verified(folder / GOLDEN / golden.file, digest=golden.sha256)
            for golden in manifest.golden
        },
        graph=_verified(folder / GRAPH, digest=manifest.graph) if manifest.graph else b"",
        borderline=_verified(folder / BORDERLINE, digest=manifest.borderline) if manifest.borderline else b"",
    )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the version in `folder`, its weights unread. Raises `ConfigurationError`."""
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: there is no such model version")
    file = folder / MANIFEST
    return parsed_manifest(_bytes(file), where=str(file))


def parsed_manifest(data: bytes, *, where: str) -> Manifest:
    """A manifest out of its bytes. Raises `ConfigurationError`."""
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {first_fault(error)}") from error


def name_and_version(folder: Path) -> tuple[str, str]:
    """Those of a folder that is to be, NAME-VERSION. Raises `ConfigurationError`."""
    _refuse_existing(folder)
    name, _, version = folder.name.rpartition("-")
    if not (name and version):
        raise ConfigurationError(f"{folder}: the folder's name must be NAME-VERSION, like restaurant-v2")
    return name, version


def write(folder: Path, version: Version) -> Manifest:
    """Write `version` as `folder`, at once or not at all; what was written is returned, digests filled in.

    A version never changes: raises `ConfigurationError` where `folder` already is.
    """
    _refuse_existing(folder)
    with building(folder.parent, prefix=f".{folder.name}.") as made:
        manifest = _fill(made, version)
        made.rename(folder)
    return manifest


def sealed(version: Version) -> Version:
    """`version` with the digests of its files in its manifest, as `write` puts them there."""
    return replace(version, manifest=_with_digests(version, weights=_encoded(version)))


def _refuse_existing(folder: Path) -> None:
    if folder.exists():
        raise ConfigurationError(f"{folder}: a version is there already, and versions do not change")


def _encoded(version: Version) -> bytes:
    return save_tensors(dict(version.weights), metadata={"labels": json.dumps(version.manifest.labels)})


def _with_digests(version: Version, *, weights: bytes) -> Manifest:
    digests = {
        "sha256": sha256(weights),
        "graph": sha256(version.graph) if version.graph else "",
        "borderline": sha256(version.borderline) if version.borderline else "",
    }
    return version.manifest.model_copy(update=digests)


def _fill(folder: Path, version: Version) -> Manifest:
    weights = _encoded(version)
    manifest = _with_digests(version, weights=weights)
    write_synced(folder / WEIGHTS, weights)
    if version.graph:
        write_synced(folder / GRAPH, version.graph)
    if version.borderline:
        write_synced(folder / BORDERLINE, version.borderline)
    write_synced(folder / CARD, version.card.encode())
    write_synced(folder / MANIFEST, (manifest.model_dump_json(indent=2) + "\n").encode())
    (folder / GOLDEN).mkdir()
    for name, png in version.golden.items():
        write_synced(folder / GOLDEN / name, png)
    return manifest


def _verified(file: Path, *, digest: str) -> bytes:
    data = _bytes(file)
    if sha256(data) != digest:
        raise ConfigurationError(f"{file}: damaged or replaced, its sha256 is not the manifest's")
    return data


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror or error}") from error


def _weights(data: bytes, *, manifest: Manifest, file: Path) -> Weights:
    header = safetensors_header.parse(data, file=file)
    try:
        labels = tuple(json.loads(header["__metadata__"]["labels"]))
        weights = load_tensors(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{file}: not a safetensors file of ours: {error}") from error
    if labels != manifest.labels:
        raise ConfigurationError(
            f"{file}: made for the labels {list(labels)}, the manifest has {list(manifest.labels)}"
        )
    return weights


def sha256(data: bytes) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
