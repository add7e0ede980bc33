"""Routes are tried over what is stored without the network that scores."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.transitions import Scoring, Transitions
from model import checkpoint, routes
from model.policy import Policy
from schemas.records import Content
from schemas.tags import Scores
from streams.adapters.sqlite.store import SqliteScores
from tests.unit.head_builders import NOW, claim

INDOOR = '[[routes]]\nlabel = "ambiance"\ntopic = "photos.indoor.v1"\nthreshold = 0.8\n'
PACKAGED = checkpoint.read_manifest(checkpoint.PACKAGED)

HEAVY = {"torch", "faust", "aiokafka", "aioboto3"}
CALL = """
import sys
from tagstream import cli
for words in (["show"], ["check", "routes.toml"], ["--help"]):
    sys.argv = ["tagstream", "routes", *words]
    try:
        cli.main()
    except SystemExit as end:
        assert not end.code, (words, end.code)
    sys.stderr.write(" ".join([*words, "imports:", *sys.modules]) + "\\n")
"""


async def _fill(path: Path) -> None:
    scores = Scores(probabilities=dict.fromkeys(PACKAGED.labels, 0.0) | {"ambiance": 0.9}, model=PACKAGED.ref)
    async with SqliteScores(path) as store:
        scored = Transitions("a", Policy.of(PACKAGED), NOW).scored(
            Scoring(claim(1), scores, Content(digest="bytes", size=1))
        )
        await store.apply("a", scored)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a store of one image, and the packaged model's rules and one line more."""
    asyncio.run(_fill(tmp_path / "kept.sqlite"))
    (tmp_path / "routes.toml").write_text(routes.dump(PACKAGED.routes) + INDOOR)
    return tmp_path


def test_routes_are_checked_without_the_network(here: Path) -> None:
    environment = os.environ | {"TAGSTREAM_STORE__PATH": str(here / "kept.sqlite")}
    command = [sys.executable, "-c", CALL]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=here, env=environment)
    assert "photos.indoor.v1" in done.stdout
    for line in done.stderr.splitlines():
        words, _, imported = line.partition(" imports: ")
        assert HEAVY.isdisjoint(imported.split()), words
    assert done.stderr.count(" imports: ") == 3
