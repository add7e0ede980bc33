"""How S3 is spoken to: by HTTP, and never further than to whom the request was meant for.

aiohttp follows a `Location` wherever it leads, and aiobotocore lets it: a storage, or whoever answers in
its place, could send a worker to any address that it can reach. botocore's own client follows none. What
is left is botocore's change to the region that S3 names, which keeps to the configured endpoint, and to
AWS's own hosts where none is configured.
"""

from __future__ import annotations

from typing import Any

from aiobotocore.httpsession import AIOHTTPSession


class StayingSession(AIOHTTPSession):
    """aiobotocore's session; an answer that redirects is an answer."""

    async def _get_session(self, proxy_url: str | None) -> _Staying:
        return _Staying(await super()._get_session(proxy_url))  # type: ignore[misc]  # its stub has no private names


class _Staying:
    """What aiobotocore uses of aiohttp's session. A test sends it elsewhere."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - aiohttp's
        self._session = session

    async def request(self, method: str, **given: Any) -> Any:  # noqa: ANN401 - aiohttp's own
        return await self._session.request(method, allow_redirects=False, **given)
