"""A receipt proves what was erased, names nobody, and is finished once."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations import erasure_receipt
from operations.erasure_receipt import BEFORE, DataLine, ImageLine, Receipt, ReceiptState, hashed
from schemas.errors import ConfigurationError

AT = datetime(2026, 5, 1, tzinfo=UTC)


def line(image: str, outcome: str = "erased") -> ImageLine:
    return ImageLine(image=hashed(image), outcome=outcome, erased_at=AT, events={"photos.tags.latest.v1": 1})


def receipt(*images: ImageLine, state: ReceiptState = ReceiptState.FINISHED, **facts: object) -> Receipt:
    given = {"state": state, "run_by": "ann", "begun_at": AT, "images": images, "tagstream": "1"}
    return Receipt.model_validate(given | facts)


def test_the_digest_is_that_of_all_that_a_receipt_says(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    erasure_receipt.keep(file, receipt(line("img_é")))
    kept = Receipt.model_validate_json(file.read_bytes())
    assert kept.digest == kept.expected_digest
    assert kept.model_copy(update={"run_by": "bob"}).expected_digest != kept.digest


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq here")
def test_the_digest_can_be_checked_without_us(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    erasure_receipt.keep(file, receipt(line("img_é")))
    check = f"jq -cSj 'del(.digest)' {file} | sha256sum"
    said = subprocess.run(check, shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - ours
    assert said.stdout.split()[0] == json.loads(file.read_bytes())["digest"]


def test_a_finished_receipt_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    erasure_receipt.keep(file, receipt(line("img_a")))
    with pytest.raises(ConfigurationError, match="never overwritten"):
        erasure_receipt.earlier(file)


def test_a_file_that_is_no_receipt_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("dear")
    with pytest.raises(ConfigurationError, match="no receipt"):
        erasure_receipt.earlier(file)
    assert erasure_receipt.earlier(tmp_path / "none") is None


def test_the_draft_of_another_erasure_is_not_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    of_uploader = receipt(line("img_a"), state=ReceiptState.BEGUN, uploader=hashed("u1"))
    erasure_receipt.require_same(of_uploader, receipt(uploader=hashed("u1")), file=file)
    erasure_receipt.require_same(receipt(line("img_a")), receipt(line("img_a")), file=file)
    erasure_receipt.require_same(None, receipt(line("img_a")), file=file)
    for before, begun in (
        (of_uploader, receipt(line("img_a"), uploader=hashed("u2"))),
        (of_uploader, receipt(line("img_a"))),
        (receipt(line("img_a")), receipt(line("img_b"))),
    ):
        with pytest.raises(ConfigurationError, match="another erasure"):
            erasure_receipt.require_same(before, begun, file=file)


def test_a_run_that_goes_on_keeps_what_the_one_before_had_found() -> None:
    found = DataLine(place="snapshots/one-1", what="snapshot", images=2)
    cut = receipt(line("img_a", "begun"), line("img_b", "begun"), state=ReceiptState.BEGUN, data=(found,))
    whole = receipt(line("img_b")).with_earlier(cut)
    assert {each.image: each.outcome for each in whole.images} == {
        hashed("img_a"): BEFORE,
        hashed("img_b"): "erased",
    }
    assert whole.data == (found,)
