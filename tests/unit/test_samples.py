from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tagstream.samples
from tagstream.samples import photographs
from tools.render_menus import MENUS, QUALITY, SIZE, main, render

_LICENSES = Path(tagstream.samples.__file__).parent / "LICENSES.md"
_ORIENTATION = 0x0112
_ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$", re.MULTILINE)


def test_every_sample_is_licensed_and_every_licence_has_its_sample() -> None:
    listed = [name for name, _ in _ROW.findall(_LICENSES.read_text(encoding="utf-8"))]

    assert listed == [path.name for path in photographs()]


def test_no_field_of_a_licence_is_left_open() -> None:
    for name, fields in _ROW.findall(_LICENSES.read_text(encoding="utf-8")):
        what = [field.strip() for field in fields.split("|")]
        assert len(what) == 4, name
        assert all(what), name


@pytest.mark.parametrize("path", photographs(), ids=lambda path: path.name)
def test_a_sample_is_a_small_whole_photograph(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        assert min(image.size) >= 250
        assert max(image.size) <= 640
        assert set(image.getexif()) <= {_ORIENTATION}

    assert path.stat().st_size < 80_000


def test_the_samples_together_are_under_a_megabyte() -> None:
    assert sum(path.stat().st_size for path in photographs()) < 1_000_000


def test_the_samples_vary_in_format_as_uploads_do() -> None:
    formats, modes, turned = set(), set(), 0
    for path in photographs():
        with Image.open(path) as image:
            formats.add(image.format)
            modes.add(image.mode)
            turned += image.getexif().get(_ORIENTATION, 1) != 1

    assert formats == {"JPEG", "PNG", "WEBP"}
    assert modes >= {"RGB", "L", "P"}
    assert turned == 1


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("menus")
    main(folder)
    return folder


@pytest.mark.parametrize("name", MENUS)
def test_a_menu_is_drawn_alike_each_time(name: str, drawn: Path) -> None:
    with Image.open(drawn / f"{name}.jpg") as before:
        again = io.BytesIO()
        render(name).save(again, "JPEG", quality=QUALITY, optimize=True)

        assert before.size == SIZE
        assert (drawn / f"{name}.jpg").read_bytes() == again.getvalue()


@pytest.mark.parametrize("name", MENUS)
def test_the_committed_menu_is_the_one_that_is_drawn(name: str, drawn: Path) -> None:
    committed = next(path for path in photographs() if path.stem == name)
    with Image.open(committed) as kept, Image.open(drawn / committed.name) as now:
        difference = np.abs(np.asarray(kept, dtype=np.int16) - np.asarray(now, dtype=np.int16))

    # Another version of FreeType moves single pixels; another menu would move most of them.
    assert difference.mean() < 4


def test_every_menu_drawn_is_a_sample(drawn: Path) -> None:
    assert {path.name for path in drawn.iterdir()} <= {path.name for path in photographs()}
