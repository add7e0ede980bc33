"""From a folder of photographs to a served model with a few commands, as somebody would type them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from tagstream import cli
from tests.unit.model_pipeline_builders import TINY, drawn


def told(*words: str) -> Any:
    """What the command says with --json."""
    result = CliRunner().invoke(cli.app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_from_data_to_a_served_model_with_a_few_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGSTREAM_REGISTRY__URL", "registry")
    monkeypatch.setenv("TAGSTREAM_REGISTRY__CACHE", "cache")
    monkeypatch.setenv("TAGSTREAM_MODEL__THREADS", "1")
    drawn(Path("photos"))

    snapshot = told("data", "import", "photos", "--output", "snapshots", "--processes", "1")["folder"]
    to = ("--output", "shapes-v1", "--cache", "pictures", "--no-test")
    trained = told("model", "train", snapshot, *TINY, *to)
    judged = told("model", "evaluate", "shapes-v1", snapshot, "--threads", "1", "--record")
    published = told("model", "publish", "shapes-v1")
    promoted = told("model", "promote", "shapes/v1", "--least-top", "0.9")

    assert trained["model"]["version"] == "v1"
    assert judged["top_accuracy"]["value"] > 0.9
    assert (published["ref"], promoted["promoted"]) == ("shapes/v1", True)

    monkeypatch.setenv("TAGSTREAM_MODEL__REF", "shapes@champion")
    answer = told("classify", "photos/stripes/stripes3.png")
    assert answer["top"] == "stripes"
    assert answer["model_version"] == "v1"
