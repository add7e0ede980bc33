"""Parity: originals and their renditions are scored by the path that serves, and what differs is named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from model.data.dataset import Photograph
from model.evaluation.parity import Rendition, parity
from model.preprocess import Preprocess
from model.serving.classifier import Classifier
from model.tiny_version import write_tiny_version
from schemas.errors import ConfigurationError
from schemas.rendition_recipe import RenditionRecipe
from tagstream.commands.model.parity import parity as command


@dataclass(frozen=True)
class Kept:
    name: str
    data: bytes

    def read_bytes(self) -> bytes:
        return self.data


@dataclass
class Fickle:
    """Another picture each time that it is read: noise, so that no two scores are alike."""

    name: str = "fickle.png"
    reads: int = 0

    def read_bytes(self) -> bytes:
        self.reads += 1
        flat = (255, 0, 0) if self.reads % 2 else (0, 255, 255)
        file = BytesIO()
        Image.new("RGB", (96, 96), flat).save(file, "PNG")
        return file.getvalue()


def drawn(width: int, height: int, *, orientation: int = 1) -> bytes:
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    image.save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(data)) as image:
        return image.size


def reduced(data: bytes) -> bytes:
    recipe = RenditionRecipe(side=100, quality=90)
    return Rendition(Kept("a.jpg", data), Preprocess(), recipe).read_bytes()


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(write_tiny_version(tmp_path_factory.mktemp("versions") / "tiny-v1"), device="cpu")


def test_the_shorter_side_of_a_rendition_is_as_asked_for() -> None:
    assert size_of(reduced(drawn(800, 400))) == (200, 100)


def test_a_rendition_is_upright_without_exif() -> None:
    data = reduced(drawn(800, 400, orientation=6))
    assert size_of(data) == (100, 200)
    with Image.open(BytesIO(data)) as image:
        assert not image.getexif()


def test_a_small_photograph_is_not_enlarged() -> None:
    assert size_of(reduced(drawn(80, 40))) == (80, 40)


def test_smooth_photographs_are_alike_at_every_size(classifier: Classifier) -> None:
    found = parity(
        classifier,
        [Photograph(Kept("a.jpg", drawn(640, 480)), ("menu",))],
        recipe=RenditionRecipe(side=128, quality=90),
    )
    assert (found.top.hits, found.top.of) == (1, 1)
    assert float(found.drift.max()) < 0.1
    assert found.differing == ()


def test_a_photograph_whose_rendition_scores_otherwise_is_named(classifier: Classifier) -> None:
    """Each photograph is a rendition of another one, so that some answers must differ."""
    found = parity(
        classifier,
        [Photograph(Fickle(), ("menu",)) for _ in range(4)],
        recipe=RenditionRecipe(side=64, quality=90),
    )
    assert found.tags.hits < found.tags.of
    assert len(found.differing) >= found.tags.of - found.tags.hits
    assert all(line.startswith("fickle.png: ") for line in found.differing)


def test_photographs_without_a_rendition_are_counted(classifier: Classifier) -> None:
    photographs = [Photograph(Kept(f"{side}.jpg", drawn(side, side)), ("menu",)) for side in (64, 200)]
    found = parity(classifier, photographs, recipe=RenditionRecipe(side=128, quality=90))
    assert (found.without, found.tags.of) == (1, 2)


def test_a_version_that_asks_for_more_pixels_has_no_parity_with_them(classifier: Classifier) -> None:
    with pytest.raises(ConfigurationError, match="never given renditions of 32"):
        parity(classifier, [], recipe=RenditionRecipe(side=32, quality=90))


def test_what_cannot_be_read_is_left_out_of_both_and_said(classifier: Classifier) -> None:
    photographs = [
        Photograph(Kept("a.jpg", drawn(640, 480)), ("menu",)),
        Photograph(Kept("torn.jpg", b"\xff\xd8torn"), ("menu",)),
    ]
    found = parity(classifier, photographs, recipe=RenditionRecipe(side=128, quality=90))
    assert found.top.of == 1
    assert "torn.jpg" in found.unreadable[0]


def test_the_command_prints_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = write_tiny_version(tmp_path / "tiny-v1")
    for label in ("menu", "human"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "photos" / label / f"{number}.jpg").write_bytes(drawn(300 + number, 200))
    command(str(version), tmp_path / "photos", side=64, as_json=True)
    assert json.loads(capsys.readouterr().out)["top_label"]["of"] == 4
