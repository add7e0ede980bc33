"""What is stated of a photograph that is hidden and approved: on the topic, in the store, and in a file."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.records import State
from schemas.statements import StatementOfReasons
from streams.adapters.sqlite.store import SqliteScores
from tests.e2e.fleet import ROOT, Fleet
from tests.e2e.test_doors import a_photograph, notification, said, send, until
from tests.official_statement import complaints

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TEMPLATE = """
ground = "House rules, section 3"
content_language = "DE"
[explanation]
hide = "{label} in {restaurant}"
"""


def exported(fleet: Fleet, form: str, place: Path) -> list[dict[str, Any]]:
    """What `tagstream statements export` writes, read back."""
    command = [sys.executable, "-m", "tagstream", "statements", "export", "--from", "2026-01-01"]
    command += ["--format", form, "--output", str(place)]
    settings = {"TAGSTREAM_KAFKA__BROKERS": fleet.bootstrap, "TAGSTREAM_STORE__PATH": str(fleet.store)}
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "3 statements" in ran.stderr
    if form == "json":
        read: list[dict[str, Any]] = json.loads(place.read_text())
        return read
    rows = csv.DictReader(io.StringIO(place.read_text()))
    return [
        {name: json.loads(cell) if cell[:1] == "[" else cell for name, cell in row.items() if cell}
        for row in rows
    ]


async def test_a_hide_an_approval_and_its_restoration_are_stated_once_each(
    fleet: Fleet, tmp_path: Path
) -> None:
    template = tmp_path / "statements.toml"
    template.write_text(TEMPLATE)
    first = fleet.start(TAGSTREAM_STATEMENTS__FILE=str(template))
    image = a_photograph(fleet, "r1/a.jpg", with_label="menu")
    await send(fleet, topics.UPLOADED, "k", notification("ObjectCreated:Put", "r1/a.jpg", "0A"))
    hidden = await until(fleet, image, lambda head: head.state is State.HIDDEN)
    assert hidden.statements == ()
    first.kill()
    fleet.start()
    await send(fleet, topics.UPLOADED, "k", notification("ObjectCreated:Put", "r1/a.jpg", "0A"))
    decision = {"image_id": image, "action": "approve", "decided_by": "ann"}
    decision["decided_at"] = datetime.now(UTC).isoformat()
    for _ in range(2):
        await send(fleet, topics.DECISIONS, image, json.dumps(decision).encode())
    await until(fleet, image, lambda head: head.state is State.VISIBLE)
    async with SqliteScores(fleet.store) as scores:
        kept = await scores.statements_of(image)
    assert sorted(each.kind for each in kept) == ["decision", "hide", "restore"]
    heard = {
        StatementOfReasons.model_validate(each)
        for each in await said(fleet, topics.STATEMENTS, image)
        if each
    }
    assert heard == set(kept)
    for form in ("csv", "json"):
        written = exported(fleet, form, tmp_path / f"all.{form}")
        assert [each["puid"] for each in written] == [each.puid for each in kept]
        assert [complaints(each) for each in written] == [[]] * 3
        assert written[0]["incompatible_content_ground"] == "House rules, section 3"
        assert written[0]["automated_decision"] == "AUTOMATED_DECISION_FULLY"
        assert "ann" not in {word for each in written for word in json.dumps(each).split('"')}


async def test_a_template_that_cannot_be_meant_is_an_exit_before_anything_is_read(
    fleet: Fleet, tmp_path: Path
) -> None:
    template = tmp_path / "statements.toml"
    template.write_text('ground = "{whose}"')
    worker = fleet.start(TAGSTREAM_STATEMENTS__FILE=str(template))
    assert await asyncio.to_thread(worker.process.wait, 60) == 2
