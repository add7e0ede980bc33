"""What a photograph's file is comes with its pixels: its size as it is shown, and its format by content."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from model.decoding.frames import ANSWER, packed_facts, unpacked_facts
from model.preprocess import Preprocess
from schemas.photograph_facts import PhotographFacts


def file_of(form: str, *, orientation: int = 1, size: tuple[int, int] = (640, 200)) -> bytes:
    made, exif = BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, (200, 30, 30)).save(made, form, exif=exif)
    return made.getvalue()


def facts(data: bytes) -> PhotographFacts | None:
    return Preprocess(size=32).decode_and_reduce(data, None).facts


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_size_is_that_of_the_file_and_not_of_its_draft(form: str) -> None:
    assert facts(file_of(form)) == PhotographFacts(640, 200, form.lower())


@pytest.mark.parametrize("orientation", [1, 2, 3, 4])
def test_a_photograph_that_stays_level_has_the_size_of_its_file(orientation: int) -> None:
    assert facts(file_of("JPEG", orientation=orientation)) == PhotographFacts(640, 200, "jpeg")


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_photograph_that_is_turned_has_the_size_that_is_shown(orientation: int) -> None:
    assert facts(file_of("JPEG", orientation=orientation)) == PhotographFacts(200, 640, "jpeg")


def test_facts_come_out_of_an_answer_as_they_went_in() -> None:
    told = PhotographFacts(4032, 3024, "heif")
    packed = ANSWER.pack(0, 0, 0, *packed_facts(told))
    assert unpacked_facts(*ANSWER.unpack(packed)[3:]) == told
    nothing = ANSWER.pack(0, 0, 0, *packed_facts(None))
    assert unpacked_facts(*ANSWER.unpack(nothing)[3:]) is None


def test_a_decoder_that_lies_about_a_format_is_not_quoted() -> None:
    assert unpacked_facts(1, 1, b"<script>") is None
    assert unpacked_facts(1, 1, b"\xff\xfe") is None
