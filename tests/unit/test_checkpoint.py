from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model import checkpoint
from model.manifest import Manifest
from model.policy import Policy
from model.testing import write_tiny_version
from schemas.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_version(tmp_path / "tiny-v1")


def edit(folder: Path, **fields: Any) -> None:
    file = folder / checkpoint.MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def refusal(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        checkpoint.read(folder)
    return str(caught.value)


def test_what_is_written_is_read_back(folder: Path, tmp_path: Path) -> None:
    version = checkpoint.read(folder)
    checkpoint.write(tmp_path / "again", version)
    again = checkpoint.read(tmp_path / "again")
    assert again.manifest == version.manifest
    assert all((again.weights[name] == array).all() for name, array in version.weights.items())
    assert (again.card, again.golden) == (version.card, version.golden)


def test_the_manifest_alone_is_enough_for_the_policy(folder: Path) -> None:
    (folder / checkpoint.WEIGHTS).unlink()
    assert set(Policy.of(checkpoint.read_manifest(folder)).thresholds) == {
        "ambiance",
        "food",
        "human",
        "menu",
    }


@pytest.mark.parametrize("name", ["model.safetensors", "golden/plate.png"])
def test_one_flipped_byte_is_noticed_and_the_file_named(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    assert name in refusal(folder)
    assert "sha256" in refusal(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "manifest.json", "model-card.md", "golden/menu.png"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert name in refusal(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nowhere" in refusal(tmp_path / "nowhere")


def test_weights_made_for_other_labels_are_refused(folder: Path) -> None:
    manifest = json.loads((folder / checkpoint.MANIFEST).read_text())
    edit(folder, labels=manifest["labels"][::-1])
    assert "made for the labels" in refusal(folder)


def test_thresholds_of_other_labels_are_refused(folder: Path) -> None:
    edit(folder, thresholds={"shoes": 0.5})
    assert "shoes" in refusal(folder)


@pytest.mark.parametrize(
    "fields",
    [
        {"labels": []},
        {"labels": ["food", "food"]},
        {"labels": ["uncertain"]},
        {"temperature": 0},
        {"sha256": "short"},
        {"task": "regression"},
        {"task": "binary"},
        {"task": "single_label", "labels": ["food"], "thresholds": {"food": 0.5}, "routes": [], "golden": []},
        {"routes": [{"label": "drinks", "topic": "t"}]},
    ],
)
def test_a_manifest_that_says_nonsense_is_refused_by_its_file(folder: Path, fields: dict[str, Any]) -> None:
    edit(folder, **fields)
    assert "manifest.json" in refusal(folder)


def test_a_binary_manifest_has_one_label_and_says_so(folder: Path) -> None:
    edit(folder, task="binary")
    assert "one label, the positive answer" in refusal(folder)
    edit(folder, labels=["food"], thresholds={"food": 0.5}, routes=[], golden=[])
    assert checkpoint.read_manifest(folder).task == "binary"


def test_a_manifest_that_is_not_json_is_refused(folder: Path) -> None:
    (folder / checkpoint.MANIFEST).write_text("{")
    assert "manifest.json" in refusal(folder)


def test_a_field_of_a_later_version_is_ignored(folder: Path) -> None:
    edit(folder, colour="blue")
    assert checkpoint.read(folder).manifest.name == "tiny"


def test_a_file_that_is_no_safetensors_is_refused_even_with_the_right_digest(folder: Path) -> None:
    (folder / checkpoint.WEIGHTS).write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00not json at all!")
    edit(folder, sha256=checkpoint.sha256((folder / checkpoint.WEIGHTS).read_bytes()))
    assert "not a safetensors file" in refusal(folder)


def test_a_version_never_changes(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="do not change"):
        checkpoint.write(folder, checkpoint.read(folder))


class DiskFull(dict[str, bytes]):
    """Golden pictures that cannot be written out."""

    def items(self) -> Any:
        raise OSError(28, "No space left on device")


def test_a_write_that_fails_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    version = replace(checkpoint.read(folder), golden=DiskFull())
    with pytest.raises(OSError, match="space"):
        checkpoint.write(tmp_path / "half", version)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-v1"]


def test_the_digest_is_of_what_was_written(folder: Path, tmp_path: Path) -> None:
    version = checkpoint.read(folder)
    changed = {name: np.zeros_like(array) for name, array in version.weights.items()}
    manifest: Manifest = checkpoint.write(tmp_path / "zero", replace(version, weights=changed))
    assert manifest.sha256 != version.manifest.sha256
    assert checkpoint.read(tmp_path / "zero").manifest == manifest


def test_the_packaged_version_is_whole_and_small() -> None:
    assert checkpoint.read(checkpoint.PACKAGED).manifest.name == "restaurant"
    assert sum(file.stat().st_size for file in checkpoint.PACKAGED.rglob("*") if file.is_file()) <= 12_000_000
