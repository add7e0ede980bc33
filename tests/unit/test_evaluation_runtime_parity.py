"""Runtime parity: a version by one runtime and by another, and what differs is named."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from model import checkpoint
from model.checkpoint import Version
from model.data.dataset import Photograph
from model.evaluation.runtime_parity import runtime_parity
from model.serving.classifier import Classifier
from model.tiny_version import write_tiny_version
from schemas.errors import ConfigurationError
from tagstream.commands.model.parity import parity as command


@dataclass(frozen=True)
class Flat:
    """A picture of one colour."""

    shade: int

    @property
    def name(self) -> str:
        return f"{self.shade}.png"

    def read_bytes(self) -> bytes:
        file = BytesIO()
        Image.new("RGB", (96, 96), (self.shade, 255 - self.shade, 2 * self.shade % 256)).save(file, "PNG")
        return file.getvalue()


PHOTOGRAPHS = [Photograph(Flat(shade), ("menu",)) for shade in range(0, 256, 16)]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return checkpoint.read(write_tiny_version(tmp_path_factory.mktemp("versions") / "tiny-v1"))


def test_two_runtimes_of_one_version_tag_alike(version: Version) -> None:
    classifiers = [Classifier.of(version, device="cpu", runtime=name) for name in ("torch", "openvino")]
    (found,) = runtime_parity(classifiers, PHOTOGRAPHS)
    assert found.reference.startswith("torch ")
    assert found.computed_by.startswith("openvino ")
    assert (found.tags.hits, found.tags.of, found.differing) == (16, 16, ())
    assert found.largest < 0.001


def test_a_photograph_that_is_tagged_otherwise_is_named_with_its_threshold(version: Version) -> None:
    other = replace(version, weights={name: -array for name, array in version.weights.items()})
    classifiers = [Classifier.of(each, device="cpu", runtime="openvino") for each in (version, other)]
    (found,) = runtime_parity(classifiers, PHOTOGRAPHS)
    assert found.tags.hits < found.tags.of
    assert found.differing
    assert all("tagged from 0.5000" in line for line in found.differing)
    assert found.largest > 0.01


def folder_of(tmp_path: Path) -> Path:
    for label in ("menu", "human"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for shade in (20, 200):
            (tmp_path / "photos" / label / f"{shade}.png").write_bytes(Flat(shade + len(label)).read_bytes())
    return tmp_path / "photos"


def test_the_command_prints_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = write_tiny_version(tmp_path / "tiny-v1")
    command(str(version), folder_of(tmp_path), runtimes="openvino, torch", as_json=True)
    (document,) = json.loads(capsys.readouterr().out)
    assert document["tags"]["of"] == 4
    assert document["reference"].startswith("openvino ")


@pytest.mark.parametrize(
    ("runtimes", "says"), [("torch", "two or more"), ("torch,tpu", "'tpu' is not one of")]
)
def test_what_cannot_be_compared_is_said(tmp_path: Path, runtimes: str, says: str) -> None:
    version = write_tiny_version(tmp_path / "tiny-v1")
    with pytest.raises(ConfigurationError, match=says):
        command(str(version), folder_of(tmp_path), runtimes=runtimes)
