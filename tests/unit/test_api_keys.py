"""API keys and their tokens: what they take, whom they refuse, and that nothing but the token is a secret."""

from __future__ import annotations

import hashlib
import pickle
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.api_keys import ApiKey, Scope, SpoiledKey, key_in
from schemas.api_tokens import ApiToken

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KNOWN = ApiToken("00000000", "0" * 43)

tokens = st.builds(
    ApiToken,
    st.text(BASE62, min_size=8, max_size=8),
    st.text(BASE62, min_size=43, max_size=43),
)


def key_of(token: ApiToken = KNOWN, **said: Any) -> ApiKey:
    facts: dict[str, Any] = {"id": token.id, "name": "web", "scopes": ("predict",)}
    facts |= {"secret_sha256": token.sha256, "created_at": NOW, "created_by": "ann"}
    return ApiKey.model_validate(facts | said)


def test_a_new_token_has_the_form_that_scanners_know() -> None:
    made = {ApiToken.generate().text for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"tsk_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", text) for text in made)


def test_the_checksum_of_a_token_never_changes() -> None:
    """Whoever has a token keeps it over every upgrade."""
    assert KNOWN.text == f"tsk_00000000_{'0' * 43}2Rfx6A"


@given(tokens)
def test_a_token_is_read_back(token: ApiToken) -> None:
    assert ApiToken.parse(token.text) == token


@given(tokens, st.data())
def test_a_token_of_which_any_one_character_is_changed_is_refused(
    token: ApiToken, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(token.text) - 1))
    other = data.draw(st.one_of(st.sampled_from(f"{BASE62}_"), st.characters()))
    changed = f"{token.text[:place]}{other}{token.text[place + 1 :]}"
    assert (ApiToken.parse(changed) is None) == (changed != token.text)


@given(st.one_of(st.text(), st.text(f"{BASE62}_", min_size=62, max_size=62)))
def test_what_is_no_token_is_none(text: str) -> None:
    assert ApiToken.parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        KNOWN.text[:-1],
        f"{KNOWN.text}0",
        f"{KNOWN.text}\n",
        f" {KNOWN.text}",
        KNOWN.text.upper(),
        KNOWN.text.replace("_0", "_\uff10", 1),
        KNOWN.text.replace("_0", "_\u0660", 1),
        KNOWN.text.replace("0", "\ud800", 1),
        KNOWN.text.replace("0", "\0", 1),
        KNOWN.text * 100_000,
    ],
    ids=range(11),
)
def test_a_token_that_is_cut_longer_or_of_another_alphabet_is_refused(text: str) -> None:
    assert ApiToken.parse(text) is None


@given(tokens)
def test_what_a_token_shows_of_itself_is_its_id(token: ApiToken) -> None:
    for shown in (repr(token), str(token), f"{token}", repr([token])):
        assert token.secret not in shown
        assert token.text not in shown
    assert repr(token) == f"ApiToken(id='{token.id}')"


def test_a_token_matches_its_own_key_alone() -> None:
    token, other = ApiToken.generate(), ApiToken.generate()
    assert token.matches(key_of(token))
    assert not other.matches(key_of(token))
    assert not ApiToken(token.id, other.secret).matches(key_of(token))
    assert not ApiToken(other.id, token.secret).matches(key_of(token))


def test_of_the_secret_a_key_has_the_sha256() -> None:
    token = ApiToken.generate()
    key = key_of(token)
    assert key.secret_sha256 == hashlib.sha256(token.secret.encode()).hexdigest()
    assert token.secret.encode() not in pickle.dumps(key) + key.model_dump_json().encode()


def test_scopes_are_sorted_and_each_is_there_once() -> None:
    assert key_of(scopes=["review", "batch", "review"]).scopes == (Scope.BATCH, Scope.REVIEW)


@pytest.mark.parametrize(
    "said",
    [
        {"id": "k000-001"},
        {"id": "k0000001\n"},
        {"id": "k00000011"},
        {"scopes": []},
        {"scopes": ["all"]},
        {"name": ""},
        {"name": "  "},
        {"name": "web "},
        {"name": "a\nb"},
        {"name": "a\x1b[31mb"},
        {"name": "a\u202eb"},
        {"name": "a\ud800b"},
        {"name": "x" * 101},
        {"secret_sha256": "0" * 63},
        {"secret_sha256": "G" * 64},
        {"secret_sha256": ""},
    ],
    ids=str,
)
def test_a_key_that_could_not_be_told_or_held_is_none(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        key_of(**said)


@pytest.mark.parametrize("name", ["w", "x" * 100, "für den Import, 2x täglich: $5 \u4e2d\u6587"])
def test_a_name_is_whatever_can_be_seen(name: str) -> None:
    assert key_of(name=name).name == name


def test_a_key_is_refused_from_the_moment_of_its_end() -> None:
    end = NOW + timedelta(days=90)
    key = key_of(expires_at=end)
    assert key.why_refused(end - timedelta(microseconds=1)) is None
    assert key.why_refused(end) == "expired"
    assert key_of().why_refused(end) is None


def test_a_revoked_key_is_refused_whenever_that_was_and_whether_it_has_expired() -> None:
    key = key_of(revoked_at=NOW + timedelta(days=1), expires_at=NOW)
    assert key.why_refused(NOW + timedelta(days=2)) == "revoked"
    assert key.why_refused(NOW) == "revoked"


def test_a_document_that_says_another_id_is_no_key() -> None:
    found = key_in("other000", key_of().model_dump_json())
    assert isinstance(found, SpoiledKey)
    assert found.why == "id: it says 00000000"


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert key_in(KNOWN.id, key_of().model_dump(mode="json") | {"rate": 5}) == key_of()
