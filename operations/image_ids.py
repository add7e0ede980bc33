"""Image ids out of what people give: an id, the address of an object, or a file that was uploaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from operations import object_address
from schemas import identity
from schemas.errors import ConfigurationError, Gone

_DERIVED: Final = re.compile(r"img_[a-z2-7]{26}")


def image_id(given: str, *, buckets: tuple[str, ...]) -> str:
    """The id that `given` means.

    An id is taken as it is, whatever it looks like, unless a file of that name is here: that is the
    photograph that `tagstream upload` put under the file's own name into the first of `buckets`.

    Raises:
        ConfigurationError: a file, and no bucket that it could be in.
    """
    if object_address.is_object(given):
        location = object_address.parse(given)
        return identity.image_id(location.bucket, location.key)
    if _DERIVED.fullmatch(given) or not _is_file(given):
        return given
    if not buckets:
        raise ConfigurationError(
            f"{given} is a file, and TAGSTREAM_S3__BUCKETS names no bucket that it could be in; "
            "give its address, as in s3://photos/lunch.jpg"
        )
    return identity.image_id(buckets[0], Path(given).name)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # longer than a file's name can be
        return False


def unknown(image_id: str) -> Gone:
    """The error for an image that the store does not know."""
    why = "never uploaded, not tagged yet, or in the dead letters"
    hint = "" if _DERIVED.fullmatch(image_id) else "; an object is named like s3://photos/lunch.jpg"
    return Gone(f"{image_id} is not in the store: {why}{hint}")
