"""`tagstream decide` says why it cannot be obeyed, and exits 1: success is not printed in vain."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.transitions import Transitions
from schemas import identity
from schemas.decisions import Decided
from streams.adapters.sqlite.store import SqliteScores
from streams.ports import Change
from tagstream import cli
from tests.unit.head_builders import TAGGER, claim, decision, scoring

LUNCH = identity.image_id("photos", "lunch.jpg")
MINUTE = timedelta(minutes=1)


async def _fill(path: Path, *made: Change) -> None:
    async with SqliteScores(path) as store:
        for change in made:
            await store.apply(LUNCH, change)


def ran(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, *made: Change
) -> tuple[int, str]:
    """How `tagstream decide lunch.jpg reject` ends where a store knows of these changes, and what it says."""
    asyncio.run(_fill(folder / "kept.sqlite", *made))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(folder / "kept.sqlite"))
    monkeypatch.setattr(sys, "argv", ["tagstream", "decide", LUNCH, "reject"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    assert said.out == ""
    assert isinstance(end.value.code, int)
    return end.value.code, said.err


def test_what_outranks_it_is_named_with_until_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = Transitions(LUNCH, TAGGER, datetime.now(UTC))
    later = datetime.now(UTC) + 15 * MINUTE
    approved = decision(0, Decided.APPROVE).model_copy(update={"decided_at": later})
    made = changes.scored(scoring(claim(1), food=0.9)), changes.decided(approved)
    code, said = ran(monkeypatch, capsys, tmp_path, *made)
    assert code == 1
    assert f"{LUNCH}: outranked by ann's approve until {later.isoformat()}" in said
    assert "TAGSTREAM_CLOCK__TOLERANCE" in said


def test_of_what_was_removed_nothing_is_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = Transitions(LUNCH, TAGGER, datetime.now(UTC))
    made = changes.scored(scoring(claim(1), food=0.9)), changes.removed(claim(2, removal=True))
    code, said = ran(monkeypatch, capsys, tmp_path, *made)
    assert (code, "was removed: there is nothing to decide on" in said) == (1, True)


@pytest.mark.parametrize("action", ["reject", "revoke"])
def test_who_shows_nothing_of_the_labels_is_unsure_of_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["tagstream", "decide", LUNCH, action, "--unsure", "menu"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "--unsure goes with `correct` and `approve`" in capsys.readouterr().err
