"""API keys as people handle them: made, listed and revoked; and their last use, noted as they are used."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from schemas.api_keys import ApiKey, Scope, SpoiledKey
from schemas.api_tokens import ApiToken
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError
from schemas.validation import first_fault
from streams.ports import ApiKeys

USES_APART: Final = timedelta(minutes=1)
"""A key's last use is written no oftener than so."""

_LONGEST: Final = timedelta(days=36_500)
_LIFETIME: Final = re.compile(r"([1-9][0-9]{0,5})([hdwy])", re.ASCII)
_UNITS: Final = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}

AnyKey = ApiKey | SpoiledKey


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key, and the only copy of its token."""

    key: ApiKey
    token: ApiToken


def lifetime(given: str, *, option: str) -> timedelta | None:
    """How long `given` says (`12h`, `90d`, `4w`, `2y`); None for `never`. Raises `ConfigurationError`."""
    if given == "never":
        return None
    found = _LIFETIME.fullmatch(given)
    long = int(found[1]) * _UNITS[found[2]] if found else timedelta()
    if not timedelta() < long <= _LONGEST:
        raise ConfigurationError(
            f"{option} {given}: say hours, days, weeks or years, as in 12h, 90d, 4w or 1y, 100y at most,"
            " or `never`"
        )
    return long


def scopes_of(names: Collection[str], *, option: str) -> tuple[Scope, ...]:
    """The scopes of these names; raises `ConfigurationError`, with the nearest, for one that is none."""
    known = [each.value for each in Scope]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known, otherwise=f"there are {', '.join(known)}")
            raise ConfigurationError(f"{option} {name}: there is no such scope{hint}")
    return tuple(map(Scope, names))


async def create(  # noqa: PLR0913 - whose, for what, until when, by whom
    store: ApiKeys,
    name: str,
    scopes: Collection[Scope],
    expires_in: timedelta | None,
    *,
    by: str,
    now: datetime,
) -> CreatedKey:
    """Make a key, kept durably when this returns; its token is kept nowhere.

    Raises `ConfigurationError` for a name that cannot be shown, or where no scope is given.
    """
    said = {"name": name, "scopes": tuple(scopes), "created_at": now, "created_by": by}
    said["expires_at"] = None if expires_in is None else now + expires_in
    while True:
        token = ApiToken.generate()
        key = _valid(said | {"id": token.id, "secret_sha256": token.sha256})
        if await store.create_key(key):  # else another has the id, which nobody lives to see
            return CreatedKey(key, token)


async def revoke(store: ApiKeys, id_or_name: str, *, by: str, now: datetime) -> ApiKey:
    """Revoke the key for ever; one that is revoked stays as it is. Its whole token names it, too.

    Raises `ConfigurationError` where there is none, several that are not revoked have the name, or its
    document was edited and is none any more.
    """
    key_id = await _find(store, id_or_name)
    while True:
        key = await store.key(key_id)
        if key is None:  # its document was deleted since
            raise await _unknown(store, id_or_name)
        if key.revoked_at is not None:
            return key
        revoked = key.revised(revoked_at=now, revoked_by=by)
        if await store.replace_key(revoked, over=key.revision):
            return revoked


async def listed(store: ApiKeys) -> tuple[AnyKey, ...]:
    """All of them, the newest last, those that are revoked or expired too."""
    return tuple(sorted(await store.keys(), key=_age))


async def used(store: ApiKeys, key_id: str, *, now: datetime) -> None:
    """Note that the key was used, once in `USES_APART`; given up where somebody else writes it meanwhile."""
    key = await store.key(key_id)
    if key is None or (key.last_used_at is not None and now - key.last_used_at < USES_APART):
        return
    await store.replace_key(key.revised(last_used_at=now), over=key.revision)


def _valid(said: dict[str, object]) -> ApiKey:
    try:
        return ApiKey.model_validate(said)
    except ValidationError as error:
        raise ConfigurationError(f"an API key's {first_fault(error)}: {said['name']}") from error


async def _find(store: ApiKeys, which: str) -> str:
    """The id that is meant. An id goes before a name, which anybody may have chosen."""
    token, every = ApiToken.parse(which), await store.keys()
    wanted = token.id if token else which
    if any(each.id == wanted for each in every):
        return wanted
    named = [each for each in every if isinstance(each, ApiKey) and each.name == which]
    if not named:
        raise await _unknown(store, wanted)
    good = [each for each in named if each.revoked_at is None]
    _refuse_ambiguous(which, good)
    return (good or named)[-1].id


def _refuse_ambiguous(name: str, good: Sequence[ApiKey]) -> None:
    if len(good) > 1:
        made = "; ".join(f"{each.id}, created {each.created_at:%Y-%m-%d %H:%M} UTC" for each in good)
        raise ConfigurationError(f"API key {name}: {len(good)} have that name; say which by its id: {made}")


async def _unknown(store: ApiKeys, which: str) -> ConfigurationError:
    every = await store.keys()
    known = {each.id for each in every} | {each.name for each in every if isinstance(each, ApiKey)}
    hint = did_you_mean(which, known, otherwise="`tagstream keys list` shows them", most=3)
    return ConfigurationError(f"API key {which}: there is none of that id or name{hint}")


def _age(key: AnyKey) -> tuple[str, str]:
    return (key.created_at.isoformat() if isinstance(key, ApiKey) else "", key.id)
