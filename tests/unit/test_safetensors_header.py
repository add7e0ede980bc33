"""Headers of weights' files that want to break whoever parses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model import checkpoint, safetensors_header
from model.networks import weights_file
from model.tiny_version import write_tiny_version
from schemas.errors import ConfigurationError


def file_of(path: Path, header: bytes, *, length: int | None = None) -> Path:
    said = len(header) if length is None else length
    path.write_bytes(said.to_bytes(8, "little") + header)
    return path


HOSTILE = {
    "nested deeper": b"[" * 200_000,
    "levels": b'{"a":' * 100_000,
    "no JSON": b"{",
    "no JSON object": b"[1]",
}


@pytest.mark.parametrize(("said", "header"), HOSTILE.items(), ids=list(HOSTILE))
def test_a_hostile_header_is_refused_and_the_file_is_named(said: str, header: bytes, tmp_path: Path) -> None:
    file = file_of(tmp_path / "evil.safetensors", header)
    for read in (weights_file.read, safetensors_header.read):
        with pytest.raises(ConfigurationError, match=said) as refusal:
            read(file)
        assert str(refusal.value).startswith(f"{file}: ")


@pytest.mark.parametrize("length", [7, 2**40, safetensors_header.MOST_BYTES + 1])
def test_a_length_that_is_not_there_or_too_large_is_refused(length: int, tmp_path: Path) -> None:
    file = file_of(tmp_path / "evil.safetensors", b"{}" * 20_000, length=length)
    with pytest.raises(ConfigurationError, match="header"):
        weights_file.read(file)


def test_a_file_of_no_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evil.safetensors"
    file.write_bytes(b"")
    with pytest.raises(ConfigurationError, match="header"):
        weights_file.read(file)


def test_brackets_within_a_name_are_no_nesting(tmp_path: Path) -> None:
    header = json.dumps({"__metadata__": {"labels": '["[[[[[", "\\"{{{{{{"]'}}).encode()
    assert safetensors_header.read(file_of(tmp_path / "fine.safetensors", header))


@pytest.mark.parametrize("labels", ["[" * 200_000, "{", "7"])
def test_a_version_whose_weights_are_hostile_is_refused(labels: str, tmp_path: Path) -> None:
    folder = write_tiny_version(tmp_path / "tiny")
    header = json.dumps({"__metadata__": {"labels": labels}}).encode()
    file_of(folder / checkpoint.WEIGHTS, header)
    manifest = json.loads((folder / checkpoint.MANIFEST).read_text())
    manifest["sha256"] = checkpoint.sha256((folder / checkpoint.WEIGHTS).read_bytes())
    (folder / checkpoint.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ConfigurationError, match=r"model\.safetensors"):
        checkpoint.read(folder)
