"""What people do with API keys: made, listed, revoked by id or name; and what their use leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from operations import api_keys
from operations.api_keys import CreatedKey
from schemas.api_keys import ApiKey, Scope, SpoiledKey
from schemas.api_tokens import ApiToken
from schemas.errors import ConfigurationError
from streams.adapters.memory import MemoryScores

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


async def made(store: MemoryScores, name: str = "web", *, now: datetime = NOW) -> CreatedKey:
    return await api_keys.create(store, name, (Scope.PREDICT,), timedelta(days=90), by="ann", now=now)


class OvertakenStore(MemoryScores):
    """A store in which somebody else changes a key just before each of the next `times` changes."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    async def replace_key(self, key: ApiKey, *, over: int) -> bool:
        """Refused while somebody is faster."""
        if self.left:
            self.left -= 1
            stored = await self.key(key.id)
            assert stored is not None
            await super().replace_key(stored.revised(last_used_at=LATER), over=stored.revision)
        return await super().replace_key(key, over=over)


class TakenStore(MemoryScores):
    """A store that has the first id that is tried."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[str] = []

    async def create_key(self, key: ApiKey) -> bool:
        """Refused the first time."""
        self.tried.append(key.id)
        return len(self.tried) > 1 and await super().create_key(key)


async def test_a_new_key_is_kept_without_its_token() -> None:
    store = MemoryScores()
    created = await api_keys.create(
        store, "web", (Scope.REVIEW, Scope.BATCH), timedelta(days=90), by="ann", now=NOW
    )
    assert await store.key(created.key.id) == created.key
    assert created.key == ApiKey(
        id=created.token.id,
        name="web",
        scopes=(Scope.BATCH, Scope.REVIEW),
        secret_sha256=created.token.sha256,
        created_at=NOW,
        created_by="ann",
        expires_at=NOW + timedelta(days=90),
    )
    assert created.token.matches(created.key)
    assert created.token.secret not in store.key_documents[created.key.id]
    assert created.token.secret not in repr(created)


async def test_a_key_without_an_end_has_none() -> None:
    created = await api_keys.create(MemoryScores(), "web", (Scope.ADMIN,), None, by="ann", now=NOW)
    assert created.key.expires_at is None


async def test_an_id_that_is_taken_is_made_anew() -> None:
    store = TakenStore()
    created = await made(store)
    assert store.tried == [store.tried[0], created.key.id]
    assert store.tried[0] != created.key.id


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[31m", "x" * 101])
async def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    store = MemoryScores()
    with pytest.raises(ConfigurationError, match="an API key's name: "):
        await made(store, name)
    assert store.key_documents == {}


async def test_a_key_for_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="an API key's scopes: "):
        await api_keys.create(MemoryScores(), "web", (), None, by="ann", now=NOW)


async def test_a_key_is_revoked_by_its_id_its_name_or_its_token() -> None:
    for which in ("id", "name", "token"):
        store = MemoryScores()
        created = await made(store)
        given = {"id": created.key.id, "name": "web", "token": created.token.text}[which]
        revoked = await api_keys.revoke(store, given, by="bo", now=LATER)
        assert (revoked.revoked_at, revoked.revoked_by, revoked.revision) == (LATER, "bo", 1)
        assert await store.key(created.key.id) == revoked
        assert revoked.why_refused(LATER) == "revoked"


async def test_a_key_that_is_revoked_stays_as_it_was() -> None:
    store = MemoryScores()
    created = await made(store)
    revoked = await api_keys.revoke(store, "web", by="bo", now=LATER)
    for again in ("web", created.key.id):
        assert await api_keys.revoke(store, again, by="cy", now=LATER + timedelta(days=1)) == revoked


async def test_a_key_is_revoked_however_many_write_it_meanwhile() -> None:
    store = OvertakenStore(3)
    created = await made(store)
    revoked = await api_keys.revoke(store, "web", by="bo", now=LATER)
    assert revoked == created.key.model_copy(
        update={"revoked_at": LATER, "revoked_by": "bo", "last_used_at": LATER, "revision": 4}
    )


async def test_a_key_that_nobody_knows_is_refused_with_the_nearest() -> None:
    store = MemoryScores()
    await made(store, "nightly import")
    with pytest.raises(ConfigurationError, match=r"API key nightly-import: .*did you mean nightly import\?"):
        await api_keys.revoke(store, "nightly-import", by="bo", now=LATER)
    with pytest.raises(ConfigurationError, match=r"API key zz: .*`tagstream keys list` shows them"):
        await api_keys.revoke(store, "zz", by="bo", now=LATER)


async def test_the_error_about_a_token_of_no_key_has_no_secret_in_it() -> None:
    token = ApiToken.generate()
    with pytest.raises(ConfigurationError) as caught:
        await api_keys.revoke(MemoryScores(), token.text, by="bo", now=LATER)
    assert token.id in str(caught.value)
    assert token.secret not in str(caught.value)


async def test_a_name_that_several_have_is_refused_with_their_ids() -> None:
    store = MemoryScores()
    ids = {(await made(store)).key.id, (await made(store)).key.id}
    with pytest.raises(ConfigurationError, match="API key web: 2 have that name; say which") as caught:
        await api_keys.revoke(store, "web", by="bo", now=LATER)
    assert all(each in str(caught.value) for each in ids)
    assert all(isinstance(each, ApiKey) and each.revoked_at is None for each in await store.keys())


async def test_a_name_means_the_one_that_is_not_revoked() -> None:
    store = MemoryScores()
    old = await made(store)
    await api_keys.revoke(store, "web", by="bo", now=NOW)
    new = await made(store)
    assert (await api_keys.revoke(store, "web", by="bo", now=LATER)).id == new.key.id
    assert (await api_keys.revoke(store, "web", by="bo", now=LATER)).id in {old.key.id, new.key.id}


async def test_an_id_means_its_own_key_although_another_is_called_so() -> None:
    store = MemoryScores()
    meant = await made(store)
    named = await made(store, meant.key.id)
    assert (await api_keys.revoke(store, meant.key.id, by="bo", now=LATER)).id == meant.key.id
    assert await store.key(named.key.id) == named.key


async def test_a_document_edited_by_hand_is_told_and_no_other_is_revoked_for_it() -> None:
    store = MemoryScores()
    spoiled, whole = await made(store), await made(store)
    store.key_documents[spoiled.key.id] = "{}"
    with pytest.raises(ConfigurationError, match=f"API key {spoiled.key.id}: .*edited"):
        await api_keys.revoke(store, spoiled.key.id, by="bo", now=LATER)
    assert (await api_keys.revoke(store, "web", by="bo", now=LATER)).id == whole.key.id


async def test_keys_are_listed_the_newest_last_and_a_spoiled_one_hides_none() -> None:
    store = MemoryScores()
    newest = await made(store, "late", now=LATER)
    oldest = await made(store, "early", now=NOW - timedelta(microseconds=1))
    middle = await made(store, "then")
    spoiled = await made(store, "mended")
    store.key_documents[spoiled.key.id] = "no JSON"
    found = await api_keys.listed(store)
    assert isinstance(found[0], SpoiledKey)
    assert found[1:] == (oldest.key, middle.key, newest.key)


async def test_the_use_of_a_key_is_written_once_a_minute() -> None:
    store = MemoryScores()
    key_id = (await made(store)).key.id
    seen = []
    for seconds in (0, 1, 59, 60, 61, 119, 120):
        await api_keys.used(store, key_id, now=NOW + timedelta(seconds=seconds))
        key = await store.key(key_id)
        assert key is not None
        assert key.last_used_at is not None
        seen.append(((key.last_used_at - NOW).seconds, key.revision))
    assert seen == [(0, 1), (0, 1), (0, 1), (60, 2), (60, 2), (60, 2), (120, 3)]


async def test_a_clock_that_is_behind_takes_no_use_back() -> None:
    store = MemoryScores()
    key_id = (await made(store)).key.id
    await api_keys.used(store, key_id, now=LATER)
    await api_keys.used(store, key_id, now=NOW)
    key = await store.key(key_id)
    assert key is not None
    assert key.last_used_at == LATER


async def test_a_use_gives_way_to_whoever_writes_the_key_meanwhile() -> None:
    store = OvertakenStore(1)
    created = await made(store)
    await api_keys.used(store, created.key.id, now=NOW)
    assert await store.key(created.key.id) == created.key.revised(last_used_at=LATER)


async def test_the_use_of_a_key_that_is_gone_is_noted_nowhere() -> None:
    store = MemoryScores()
    await api_keys.used(store, "k0000001", now=NOW)
    assert await store.keys() == ()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1h", timedelta(hours=1)),
        ("90d", timedelta(days=90)),
        ("4w", timedelta(weeks=4)),
        ("1y", timedelta(days=365)),
        ("100y", timedelta(days=36_500)),
        ("never", None),
    ],
)
def test_a_lifetime_is_hours_days_weeks_years_or_never(said: str, meant: timedelta | None) -> None:
    assert api_keys.lifetime(said, option="--expires") == meant


@pytest.mark.parametrize(
    "said",
    ["", "90", "0d", "-1d", "1.5d", "1 d", "d", "90D", "90m", "101y", "999999y", "9" * 5000 + "d", "٣d"],
)
def test_a_lifetime_that_is_none_is_refused_with_what_one_looks_like(said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--expires .*as in 12h, 90d, 4w or 1y"):
        api_keys.lifetime(said, option="--expires")


def test_scopes_are_known_by_their_names() -> None:
    assert api_keys.scopes_of(["images:read", "admin"], option="--scope") == (Scope.IMAGES_READ, Scope.ADMIN)


def test_a_scope_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"--scope predit: .*did you mean predict\?"):
        api_keys.scopes_of(["predict", "predit"], option="--scope")
    with pytest.raises(ConfigurationError, match=r"--scope x: .*there are predict, batch, images:read"):
        api_keys.scopes_of(["x"], option="--scope")
