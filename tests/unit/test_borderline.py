"""Borderline pictures: found near the thresholds, kept with the version; other tags are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from model import checkpoint
from model.cache_home import cache_home
from model.checkpoint import BORDERLINE, PACKAGED, Version
from model.serving import borderline_check, borderline_search
from model.serving.borderline import FARTHEST, NEAREST, SIDE, WHOLE, Borderline, blended
from model.serving.classifier import Classifier
from model.tiny_version import write_tiny_version
from schemas.errors import ConfigurationError, DeviceBroken


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def packaged() -> Version:
    return checkpoint.read(PACKAGED)


@pytest.fixture(scope="module")
def pictures(packaged: Version) -> Borderline:
    return Borderline.decoded(packaged.borderline, manifest=packaged.manifest)


@pytest.fixture
def fewer(packaged: Version, pictures: Borderline) -> Version:
    """The packaged version with every eighth of its pictures: all are looked at where a worker starts."""
    return with_pictures(
        packaged,
        replace(
            pictures,
            blends=pictures.blends[::8],
            decided=pictures.decided[::8],
            probabilities=pictures.probabilities[::8],
        ),
    )


def with_pictures(version: Version, pictures: Borderline) -> Version:
    return checkpoint.sealed(replace(version, borderline=pictures.encoded()))


def distances(pictures: Borderline, version: Version) -> npt.NDArray[np.float64]:
    manifest = version.manifest
    thresholds = np.array([manifest.thresholds[label] for label in manifest.labels])
    rows = np.arange(len(pictures))
    away: npt.NDArray[np.float64] = (
        pictures.probabilities[rows, pictures.decided] - thresholds[pictures.decided]
    )
    return away


def test_the_packaged_version_has_hundreds_on_both_sides_of_every_threshold(
    packaged: Version, pictures: Borderline
) -> None:
    away = distances(pictures, packaged)
    assert len(pictures) > 200
    assert np.abs(away).min() >= NEAREST / 2
    assert np.abs(away).max() <= FARTHEST * 1.1
    for label in range(len(packaged.manifest.labels)):
        of_it = away[pictures.decided == label]
        assert (of_it > 0).sum() >= 15
        assert (of_it < 0).sum() >= 15


def test_openvino_tags_them_as_torch_did(fewer: Version) -> None:
    outcome = borderline_check.check(Classifier.of(fewer, device="cpu", runtime="openvino"))
    assert outcome is not None
    assert (outcome.pictures, outcome.changed) == (28, 0)
    assert outcome.largest < 0.001


def test_weights_of_fewer_bits_are_refused(fewer: Version) -> None:
    """As bf16 would have them: what easy pictures do not show."""
    coarse = {name: rounded_to_bf16(array) for name, array in fewer.weights.items()}
    classifier = Classifier.of(replace(fewer, weights=coarse), device="cpu", runtime="openvino")
    with pytest.raises(DeviceBroken, match=r"of 28 pictures near a threshold .* openvino .* f32 cpu"):
        borderline_check.check(classifier)


def rounded_to_bf16(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    bits = array.astype(np.float32).view(np.uint32)
    return ((bits + 0x8000) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(array.dtype)


def test_the_answer_is_kept_on_this_machine(fewer: Version) -> None:
    first = borderline_check.check_once(Classifier.of(fewer, device="cpu"))
    (kept,) = (cache_home() / "borderline").iterdir()
    kept.write_text(json.dumps({"pictures": 27, "changed": 0, "largest": 0.25}))
    again = borderline_check.check_once(Classifier.of(fewer, device="cpu"))
    assert first is not None
    assert again is not None
    assert (first.largest < 0.001, again.largest) == (True, 0.25)


def test_a_refusal_is_not_kept(fewer: Version, pictures: Borderline) -> None:
    moved = replace(pictures, probabilities=1 - pictures.probabilities)
    other = Classifier.of(with_pictures(fewer, moved), device="cpu")
    for _ in range(2):
        with pytest.raises(DeviceBroken):
            borderline_check.check_once(other)


def test_a_version_without_any_is_served_as_before(tmp_path: Path) -> None:
    classifier = Classifier.load(write_tiny_version(tmp_path / "tiny-v1"), device="cpu")
    assert borderline_check.check_once(classifier) is None
    assert borderline_check.check(classifier) is None


def test_what_is_found_lies_near_a_threshold(tmp_path: Path) -> None:
    version = checkpoint.read(write_tiny_version(tmp_path / "tiny-v1", seed=3))
    found = Borderline.decoded(borderline_search.found(version), manifest=version.manifest)
    assert len(found) > 0
    assert np.abs(distances(found, version)).max() <= FARTHEST * 1.1
    assert borderline_check.check(Classifier.of(with_pictures(version, found), device="cpu")) is not None


def test_a_blend_is_of_whole_numbers_and_enlarged_by_repeating() -> None:
    first, second = np.zeros((3, SIDE, SIDE), np.uint8), np.full((3, SIDE, SIDE), 255, np.uint8)
    assert blended(first, second, 0, side=64).max() == 0
    assert blended(first, second, WHOLE, side=64).min() == 255
    half = blended(first, second, WHOLE // 2, side=2 * SIDE)
    assert half.shape == (3, 64, 64)
    assert np.unique(half).tolist() == [127]


@pytest.mark.parametrize(
    "change",
    [
        {"blends": np.array([[0, 99, 1]], np.int32)},
        {"blends": np.array([[0, 1, WHOLE + 1]], np.int32)},
        {"decided": np.array([9], np.int32)},
        {"probabilities": np.zeros((1, 3))},
        {"pictures": np.zeros((2, 3, SIDE, SIDE + 1), np.uint8)},
        {"pictures": np.zeros((2, 3, SIDE, SIDE), np.int16)},
    ],
    ids=["no such picture", "weight", "label", "labels", "side", "type"],
)
def test_pictures_of_another_version_are_refused(change: dict[str, object], packaged: Version) -> None:
    right = Borderline(
        np.zeros((2, 3, SIDE, SIDE), np.uint8),
        np.array([[0, 1, 5]], np.int32),
        np.array([0], np.int32),
        np.zeros((1, 4)),
    )
    right.refuse_foreign(packaged.manifest)
    with pytest.raises(ConfigurationError, match="not of this version"):
        Borderline.decoded(replace(right, **change).encoded(), manifest=packaged.manifest)  # type: ignore[arg-type]


def test_a_file_that_is_none_of_ours_is_refused(packaged: Version) -> None:
    with pytest.raises(ConfigurationError, match="no file of ours"):
        Borderline.decoded(b"nonsense", manifest=packaged.manifest)


def test_a_damaged_file_is_named(tmp_path: Path, fewer: Version) -> None:
    folder = tmp_path / "restaurant-v9"
    checkpoint.write(folder, fewer)
    assert checkpoint.read(folder).borderline == fewer.borderline
    (folder / BORDERLINE).write_bytes(fewer.borderline[:-1] + b"!")
    with pytest.raises(ConfigurationError, match=BORDERLINE):
        checkpoint.read(folder)
