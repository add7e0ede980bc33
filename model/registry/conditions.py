"""Check that a storage honours conditional writes: one that does not would let two promoters win."""

from __future__ import annotations

from typing import Final

from schemas.errors import ConfigurationError
from schemas.objects import Objects

_NOBODYS: Final = '"00000000000000000000000000000000"'


async def assure(objects: Objects, key: str, data: bytes) -> None:
    """Pass if the storage refuses to put `data` where it stands already, else raise `ConfigurationError`.

    `key` holds `data` now, and nobody ever puts anything else there: where it is put, no harm is done.
    """
    ignored = await objects.put_if_absent(key, data) or await objects.put_if_match(key, data, etag=_NOBODYS)
    if ignored:
        raise ConfigurationError(
            "this storage ignores If-None-Match or If-Match on PUT: two promotions at once could both win; "
            "S3, MinIO and versitygw keep to them: use one of those, or a newer release of this one"
        )
