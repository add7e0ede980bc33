"""What a command imports is what it needs: the heavy libraries are most of the time that it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model.tiny_version import write_tiny_version
from tests.unit.data_builders import picture, put

RUN = """
import json, sys
from tagstream import cli
heavy = json.loads(sys.argv.pop(1))
try:
    cli.main()
except SystemExit:
    print(json.dumps(sorted(set(heavy) & set(sys.modules))), file=sys.stderr)
"""

NEEDLESS = {
    ("doctor",): {"torch", "torchvision", "aioboto3", "motor", "faust"},
    ("classify", "lunch.jpg"): {"torchvision", "torch._dynamo", "aioboto3", "motor", "faust"},
    ("scores", "lunch.jpg"): {"torch", "aioboto3", "aiokafka", "motor", "faust", "PIL"},
    ("replay", "list"): {"torch", "openvino", "aioboto3", "motor", "faust"},
    ("keys", "list"): {"torch", "aioboto3", "aiokafka", "motor", "faust", "PIL"},
}


@pytest.mark.parametrize(("command", "needless"), NEEDLESS.items(), ids=[words[0] for words in NEEDLESS])
def test_a_command_imports_nothing_heavy_that_it_does_not_need(
    command: tuple[str, ...], needless: set[str], *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "lunch.jpg", picture("lunch"))
    write_tiny_version(tmp_path / "tiny")
    settings = {"MODEL__FOLDER": "tiny", "MODEL__DEVICE": "cpu", "KAFKA__BROKERS": "127.0.0.1:9"}
    for name, value in settings.items():
        monkeypatch.setenv(f"TAGSTREAM_{name}", value)
    run = [sys.executable, "-c", RUN, json.dumps(sorted(needless)), *command]
    ran = subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(ran.stderr.splitlines()[-1]) == []
