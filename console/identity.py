"""Identity: the API key that a request shows, looked up, compared in constant time, and held to its rate."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from console import problems
from console.problems import Problem
from console.token_bucket import TokenBucket
from operations import api_keys
from schemas.api_keys import ApiKey, Scope
from schemas.api_settings import ApiSettings
from schemas.api_tokens import ApiToken
from schemas.errors import ConfigurationError, Unavailable
from streams.ports import ApiKeys

log = structlog.get_logger(__name__)

FRESH_SECONDS: Final = 0.5
"""For which a key is believed without asking the store again: what is revoked is refused within a second."""

MOST_KEYS: Final = 10_000
"""Keys of which something is remembered; the store has the rest."""

CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="tagstream"'}


@dataclass(slots=True)
class _Known:
    """What is remembered of a key."""

    key: ApiKey
    asked_at: float
    bucket: TokenBucket
    noted_at: float = -math.inf
    """When its use was last written."""


class Identity:
    """Remembers what it has asked for. The event loop's thread only."""

    def __init__(
        self, keys: ApiKeys, limits: ApiSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keys = keys
        self._limits = limits
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._noting: set[asyncio.Task[None]] = set()

    async def caller(self, authorization: str | None, *scopes: Scope, basic: bool = False) -> ApiKey:
        """The key that the header shows, if it has one of the scopes; where `basic`, also as a user's name.

        Raises `Problem`, and `Unavailable` where the store is away: nobody is let in unasked.
        """
        token = _token(authorization, basic=basic)
        if token is None:
            raise _unauthenticated(
                "send `Authorization: Bearer tsk_...`; `tagstream keys create` makes a key"
            )
        known = await self._looked_up(token)
        if known is None or not token.matches(known.key):
            raise _unauthenticated("there is no such key")
        if why := known.key.why_refused(datetime.now(UTC)):
            raise _unauthenticated(f"the key is {why}")
        if not set(scopes) & set(known.key.scopes):
            wanted = " or ".join(each.value for each in scopes)
            raise Problem(problems.FORBIDDEN, f"the key {known.key.id} has not the scope {wanted}")
        self._note(known)
        return known.key

    def spend(self, key: ApiKey, photographs: int) -> dict[str, str]:
        """Take so many out of the key's bucket; the headers that say what is left. Raises `Problem`."""
        known = self._known.get(key.id)  # forgotten while the body came, where very many others called
        state = (known.bucket if known else self._bucket()).take(photographs)
        policy = f'"predict";q={self._limits.key_rate * self._limits.burst:g};w={self._limits.burst:g}'
        headers = {"RateLimit-Policy": policy, "RateLimit": f'"predict";r={state.left}'}
        if state.wait is None:
            return headers
        again = {"Retry-After": str(math.ceil(state.wait)), **headers}
        raise Problem(problems.RATE, f"a key may have {self._limits.key_rate:g} a second", headers=again)

    async def close(self) -> None:
        """Until the last uses are written."""
        await asyncio.gather(*self._noting, return_exceptions=True)

    async def _looked_up(self, token: ApiToken) -> _Known | None:
        known = self._known.get(token.id)
        if known is not None and self._clock() - known.asked_at < FRESH_SECONDS:
            return known
        asked_at = self._clock()
        key = await self._stored(token.id)
        if key is None:
            return None
        known = self._known.get(token.id) or _Known(key, asked_at, self._bucket())
        known.key, known.asked_at = key, asked_at
        self._remember(known)
        return known

    async def _stored(self, key_id: str) -> ApiKey | None:
        try:
            return await self._keys.key(key_id)
        except ConfigurationError as error:
            log.warning("api_key.spoiled", key=key_id, why=str(error))
            return None

    def _bucket(self) -> TokenBucket:
        return TokenBucket(self._limits.key_rate, self._limits.key_rate * self._limits.burst, self._clock)

    def _remember(self, known: _Known) -> None:
        self._known[known.key.id] = known
        self._known.move_to_end(known.key.id)
        while len(self._known) > MOST_KEYS:
            self._known.popitem(last=False)

    def _note(self, known: _Known) -> None:
        """Write its use, seldom, while the request goes on."""
        now = self._clock()
        if now - known.noted_at < api_keys.USES_APART.total_seconds():
            return
        known.noted_at = now
        noting = asyncio.create_task(_written(api_keys.used(self._keys, known.key.id, now=datetime.now(UTC))))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)


async def _written(use: Awaitable[None]) -> None:
    try:
        await use
    except (Unavailable, ConfigurationError) as error:
        log.info("api_key.use_not_noted", why=str(error))


def _token(authorization: str | None, *, basic: bool) -> ApiToken | None:
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return ApiToken.parse(value.strip())
    if basic and scheme.lower() == "basic":
        return ApiToken.parse(_user(value.strip()))
    return None


def _user(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("ascii").partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _unauthenticated(why: str) -> Problem:
    return Problem(problems.UNAUTHENTICATED, why, headers=CHALLENGE)
