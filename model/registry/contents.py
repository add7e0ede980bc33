"""The files of one version in memory: those that the manifest names, each held against its digest.

Nothing else that lies in a version's folder is published, and nothing else is ever read out of a registry:
weights come as safetensors or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from model import checkpoint
from model.checkpoint import BORDERLINE, CARD, GOLDEN, GRAPH, MANIFEST, WEIGHTS, parsed_manifest, sha256
from model.manifest import Manifest
from model.registry.refs import VersionRef
from schemas.errors import ConfigurationError

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A golden image's name. It becomes a path of a cache: no manifest may lead out of it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """A version's files by their paths in its folder, the manifest among them."""

    manifest: Manifest
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def ref(self) -> VersionRef:
        """What it calls itself."""
        return VersionRef(self.manifest.name, self.manifest.version)

    @property
    def digest(self) -> str:
        """sha256 of the manifest's bytes, which hold the digests of the weights and the golden images."""
        return sha256(self.files[MANIFEST])

    @property
    def payload(self) -> Mapping[str, bytes]:
        """Everything but the manifest."""
        return {path: data for path, data in self.files.items() if path != MANIFEST}


def of_folder(folder: Path) -> Contents:
    """The version in `folder`, whole and verified. Raises `ConfigurationError`."""
    checkpoint.read(folder)  # refuses what is no safetensors file, or was made for other labels
    manifest = parsed_manifest((folder / MANIFEST).read_bytes(), where=str(folder / MANIFEST))
    files = {path: (folder / path).read_bytes() for path in paths(manifest, where=str(folder))}
    verify(manifest, files, where=str(folder))
    return Contents(manifest, files)


def licensed(version: Contents, licence: str) -> Contents:
    """`version` with that licence in its manifest and on its card, which stated none.

    The folder that it came from stays as it is. Raises `ConfigurationError` where another one is stated.
    """
    from model.evaluation.card import licence_line  # noqa: PLC0415 - torch: not for whoever fetches

    stated = version.manifest.licence
    if stated == licence:
        return version
    if stated:
        raise ConfigurationError(
            f"{version.ref} states the licence {stated}: one version has one licence; leave --licence out, "
            f"or train it with --licence {licence!r}"
        )
    manifest = version.manifest.model_copy(update={"licence": licence})
    card = version.files[CARD].decode().replace(licence_line(""), licence_line(licence), 1)
    dumped = (manifest.model_dump_json(indent=2) + "\n").encode()
    return Contents(manifest, {**version.files, CARD: card.encode(), MANIFEST: dumped})


def left_out(folder: Path, contents: Contents) -> tuple[str, ...]:
    """The files of `folder` that are none of the version's, for whoever wonders where they went."""
    found = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return tuple(sorted(set(found) - set(contents.files)))


def paths(manifest: Manifest, *, where: str) -> tuple[str, ...]:
    """The files of a version with this manifest, the manifest last. Raises `ConfigurationError`."""
    for golden in manifest.golden:
        if not _PLAIN.fullmatch(golden.file):
            raise ConfigurationError(f"{where}: {golden.file!r} cannot be the name of a golden image")
    golden_images = (f"{GOLDEN}/{golden.file}" for golden in manifest.golden)
    graph = (GRAPH,) if manifest.graph else ()
    borderline = (BORDERLINE,) if manifest.borderline else ()
    return (WEIGHTS, *graph, *borderline, *golden_images, CARD, MANIFEST)


def verify(manifest: Manifest, files: Mapping[str, bytes], *, where: str) -> None:
    """Pass if every file has the digest that the manifest states, else raise `ConfigurationError`."""
    stated = {f"{GOLDEN}/{golden.file}": golden.sha256 for golden in manifest.golden}
    stated[WEIGHTS] = manifest.sha256
    if manifest.graph:
        stated[GRAPH] = manifest.graph
    if manifest.borderline:
        stated[BORDERLINE] = manifest.borderline
    for path, digest in stated.items():
        if sha256(files[path]) != digest:
            raise ConfigurationError(f"{where}/{path}: damaged or replaced, its sha256 is not the manifest's")
