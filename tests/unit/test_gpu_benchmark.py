"""`make bench-gpu` runs without a GPU, too, and says what it measured of what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import gpu
from tagstream import samples


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two small JPEG files, and one that is none."""
    names = ("armchair.jpg", "coffee.jpg", "cat.webp")
    for path in samples.photographs():
        if path.name in names:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_both_networks_are_measured_over_both_kinds_in_both_ways(
    photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = f"--device cpu --images 5 --batch 4 --decoders 1 --photographs {photographs} --json"
    assert gpu.main(asked.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 8
    assert {each["network"] for each in found} == {"efficientnet_lite2", "resnet50"}
    assert {each["decoded"] for each in found} == {"1 processes", "device"}
    assert all(each["images"] == 5 and each["images_a_second"] > 0 and each["cpu_ms"] > 0 for each in found)
    assert all((each["changed"] is None) == (each["decoded"] != "device") for each in found)
    assert all(each["computed_by"].startswith("torch ") for each in found)


def test_a_device_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--device", "cuda:99"]) == 1
    assert capsys.readouterr().err == "bench-gpu: device 'cuda:99' is not on this machine\n"
