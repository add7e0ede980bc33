"""Drawn pages: menus and others, the same of the same seed, in a folder that training reads."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
from typer.testing import CliRunner

from model.data import sources
from model.data.photograph import Split
from model.drawn_pages import camera, folder
from model.drawn_pages.folder import PagesRequest
from schemas.errors import ConfigurationError
from tagstream.cli import app


def request(place: Path, **asked: object) -> PagesRequest:
    return PagesRequest(place, **{"menus": 3, "others": len(folder.KINDS), **asked})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [folder.MENU, *folder.KINDS])
def test_every_kind_draws_something_that_fits(kind: str) -> None:
    for seed in range(4):
        page = np.asarray(folder.drawn(kind, Random(f"{seed}")))
        assert max(page.shape) == folder.SIDE
        assert page.std() > 1, "an empty page"


def test_pages_of_one_seed_are_the_same_and_of_another_are_not() -> None:
    one, again, other = (folder.drawn("menu", Random(seed)).tobytes() for seed in (1, 1, 2))
    assert one == again != other


def test_training_reads_the_folder_menus_of_the_label_and_others_of_none(tmp_path: Path) -> None:
    folder.write(request(tmp_path / "pages"))
    menus = [each.photograph for each in sources.gather(tmp_path / "pages" / folder.MENUS).found]
    others = [each.photograph for each in sources.gather_negatives(tmp_path / "pages" / folder.OTHERS).found]
    assert [(photo.labels, photo.split) for photo in menus] == [(("menu",), Split.TRAIN)] * 3
    assert {photo.labels for photo in others} == {()}
    assert {photo.source for photo in others} == {f"drawn/{kind}" for kind in folder.KINDS}
    assert all(photo.is_none for photo in others)


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is there already"):
        folder.write(request(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_fonts_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no \.ttf and no \.otf"):
        folder.write(request(tmp_path / "pages", fonts=tmp_path))


def test_the_perspective_takes_every_corner_to_its_place() -> None:
    corners, flat = [(3.0, 4.0), (98.0, 9.0), (90.0, 95.0), (7.0, 88.0)], ((0, 0), (80, 0), (80, 60), (0, 60))
    a, b, c, d, e, f, g, h = camera.perspective(corners, flat)
    found = [
        ((a * x + b * y + c) / (g * x + h * y + 1), (d * x + e * y + f) / (g * x + h * y + 1))
        for x, y in corners
    ]
    assert np.allclose(found, flat)


def test_the_command_names_the_tables(tmp_path: Path) -> None:
    place = tmp_path / "pages"
    said = CliRunner().invoke(
        app, ["data", "draw", "--output", str(place), "--menus", "1", "--others", "2", "--json"]
    )
    document = json.loads(said.stdout)
    assert (document["menus"], document["others"]) == (1, 2)
    assert [Path(path).is_file() for path in document["tables"].values()] == [True, True]
