"""`tagstream keys`: the token is shown once, kept nowhere, and refused once its key is revoked."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from operations import api_keys
from schemas.api_keys import ApiKey, Scope
from schemas.api_tokens import ApiToken
from streams.adapters.sqlite.store import SqliteScores
from tagstream import cli


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store's file, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "kept.sqlite"))
    monkeypatch.setenv("COLUMNS", "160")
    asyncio.run(_open(tmp_path / "kept.sqlite"))
    return tmp_path / "kept.sqlite"


async def _open(path: Path) -> None:
    async with SqliteScores(path):
        pass


class Ran(Protocol):
    """Runs `tagstream keys` with these words: its code, standard output and standard error."""

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """How it ends."""


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tagstream", "keys", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert isinstance(end.value.code, int)
        return end.value.code, *capsys.readouterr()

    return run


def keys_in(path: Path) -> dict[str, ApiKey]:
    """By name."""

    async def every() -> dict[str, ApiKey]:
        async with SqliteScores(path) as store:
            return {each.name: each for each in await store.keys() if isinstance(each, ApiKey)}

    return asyncio.run(every())


def everything_in(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir() if each.is_file())


def test_standard_output_has_the_token_alone_and_that_it_is_shown_once_is_said(ran: Ran, kept: Path) -> None:
    code, out, err = ran("create", "nightly import", "--scope", "batch", "--scope", "images:read")
    token = ApiToken.parse(out.removesuffix("\n"))
    key = keys_in(kept)["nightly import"]
    assert token is not None
    assert token.matches(key)
    assert (code, key.scopes) == (0, (Scope.BATCH, Scope.IMAGES_READ))
    assert f"key {key.id} (nightly import): batch, images:read, until " in err
    assert "shown only this once" in err
    assert token.secret not in err


def test_the_token_is_in_no_file_and_in_no_answer_after_it_was_made(ran: Ran, kept: Path) -> None:
    _, out, _ = ran("create", "web", "--json")
    made: dict[str, Any] = json.loads(out)
    secret = made["token"][-49:-6]
    assert kept.stat().st_size
    assert made["id"].encode() in everything_in(kept.parent)
    assert secret.encode() not in everything_in(kept.parent)
    for words in (("list",), ("list", "--json"), ("revoke", "web"), ("revoke", made["token"], "--json")):
        code, out, err = ran(*words)
        assert code == 0
        assert secret not in out + err
    assert secret.encode() not in everything_in(kept.parent)


def test_a_key_is_for_predictions_and_for_a_year_where_nothing_else_is_said(ran: Ran, kept: Path) -> None:
    _, out, _ = ran("create", "web", "--by", "ann", "--json")
    key = keys_in(kept)["web"]
    assert (key.scopes, key.created_by) == ((Scope.PREDICT,), "ann")
    assert key.expires_at == key.created_at + timedelta(days=365)
    made = json.loads(out)
    assert made.keys() == {
        *("id", "name", "scopes", "created_at", "created_by", "expires_at", "revoked_at", "revoked_by"),
        *("last_used_at", "state", "token"),
    }
    assert (made["id"], made["scopes"], made["state"]) == (key.id, ["predict"], "active")


def test_a_key_may_have_another_end_or_none(ran: Ran, kept: Path) -> None:
    assert ran("create", "short", "--expires", "90d")[0] == 0
    _, _, err = ran("create", "endless", "--expires", "never")
    found = keys_in(kept)
    assert found["short"].expires_at == found["short"].created_at + timedelta(days=90)
    assert found["endless"].expires_at is None
    assert "until it is revoked" in err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("web", "--scope", "predit"), "--scope predit: there is no such scope; did you mean predict?"),
        (("web", "--expires", "soon"), "--expires soon: say hours, days, weeks or years"),
        (("web\n",), "an API key's name: "),
    ],
)
def test_what_makes_no_key_is_exit_2_and_makes_none(
    ran: Ran, kept: Path, words: tuple[str, ...], why: str
) -> None:
    code, out, err = ran("create", *words)
    assert (code, out) == (2, "")
    assert why in err
    assert keys_in(kept) == {}


def test_where_there_is_no_store_that_is_said_and_none_is_made(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "other.sqlite"))
    code, out, err = ran("create", "web")
    assert (code, out) == (2, "")
    assert "TAGSTREAM_STORE__PATH" in err
    assert not (tmp_path / "other.sqlite").exists()


async def _lived(path: Path) -> None:
    """One of each state, and a document that somebody has edited."""
    now = datetime.now(UTC)
    async with SqliteScores(path) as store:
        for name, began, lives in (("good", now, None), ("over", now - timedelta(days=9), timedelta(days=1))):
            made = await api_keys.create(store, name, (Scope.PREDICT,), lives, by="ann", now=began)
            await api_keys.used(store, made.key.id, now=began)
        await api_keys.create(store, "gone", (Scope.ADMIN, Scope.BATCH), None, by="ann", now=now)
        await api_keys.revoke(store, "gone", by="bo", now=now)
        spoiled = ApiKey(
            id="k0000000",
            name="bad",
            scopes=(Scope.ADMIN,),
            secret_sha256="0" * 64,
            created_at=now,
            created_by="",
        )
        await store.create_key(spoiled.model_copy(update={"scopes": ()}))


def test_keys_are_listed_with_what_they_are_for_until_when_and_how_they_stand(ran: Ran, kept: Path) -> None:
    asyncio.run(_lived(kept))
    code, out, _ = ran("list")
    spoiled, over, *others = out.splitlines()[1:]
    good, gone = sorted(others, key=lambda line: "revoked" in line)
    assert code == 0
    assert "k0000000" in spoiled
    assert "spoiled: scopes" in spoiled
    assert over.split()[1:3] == ["over", "predict"]
    assert over.rstrip().endswith("expired")
    assert good.split()[1:3] == ["good", "predict"]
    assert "never" in good
    assert good.rstrip().endswith("active")
    assert "admin, batch" in gone
    assert gone.rstrip().endswith("revoked")


def test_a_script_is_told_the_state_of_each_key_and_no_digest(ran: Ran, kept: Path) -> None:
    asyncio.run(_lived(kept))
    _, out, _ = ran("list", "--json")
    found = {each.get("name", ""): each for each in json.loads(out)}
    states = {name: each["state"] for name, each in found.items()}
    assert states == {"": "spoiled", "over": "expired", "good": "active", "gone": "revoked"}
    assert found["gone"]["revoked_by"] == "bo"
    assert "sha256" not in out


def test_where_there_are_no_keys_how_to_make_one_is_said(ran: Ran) -> None:
    assert "`tagstream keys create NAME` makes one" in ran("list")[1]
    assert json.loads(ran("list", "--json")[1]) == []


def test_a_key_is_revoked_by_its_name_or_id_and_again_it_is_said_when_it_was(ran: Ran, kept: Path) -> None:
    ran("create", "web")
    key = keys_in(kept)["web"]
    code, first, _ = ran("revoke", "web", "--by", "bo")
    again = ran("revoke", key.id, "--by", "cy")[1]
    assert code == 0
    assert f"key {key.id} (web) is revoked: " in first
    assert first.endswith("by bo\n")
    assert again == first.replace("is revoked", "was revoked before")
    assert keys_in(kept)["web"].why_refused(datetime.now(UTC)) == "revoked"


def test_a_key_that_nobody_knows_is_exit_2_with_the_nearest(ran: Ran) -> None:
    ran("create", "nightly import")
    code, out, err = ran("revoke", "nightly inport")
    assert (code, out) == (2, "")
    assert "did you mean nightly import?" in err


def test_a_mistyped_token_is_not_said_back(ran: Ran) -> None:
    token = ApiToken.generate()
    code, _, err = ran("revoke", f"{token.text}0")
    assert code == 2
    assert token.id in err
    assert token.secret not in err
