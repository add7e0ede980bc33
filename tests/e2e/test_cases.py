"""The program that sends payloads through real workers: it tells right from wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.fleet import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PLATE = {"location": {"bucket": "photos", "key": "D/n.jpg"}, "uploaded_at": "2026-03-14T12:00:00Z"}


def played(folder: Path, payloads: dict[str, object]) -> subprocess.CompletedProcess[str]:
    for name, payload in payloads.items():
        (folder / name).write_text(json.dumps(payload))
    command = [sys.executable, "-m", "tests.cases", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_what_is_right_is_told_from_what_is_not_and_the_latter_ends_it_with_1(tmp_path: Path) -> None:
    elsewhere = PLATE | {"location": {"bucket": "photos", "key": "nothing/here.jpg"}}
    run = played(
        tmp_path,
        {"12-null-attributes.json": elsewhere, "12-restaurant-a-number.json": PLATE | {"restaurant_id": 7}},
    )
    assert "WRONG  12-null-attributes.json" in run.stdout, run.stdout + run.stderr
    assert "does not exist" in run.stdout
    assert "ok     12-restaurant-a-number.json" in run.stdout
    assert run.stdout.endswith("1 not right\n")
    assert run.returncode == 1
