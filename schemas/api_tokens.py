"""Bearer tokens of API keys: `tsk_`, the key's id, a secret of 256 random bits and a checksum, all in base62.

The prefix and the checksum let scanners of repositories and logs tell a leaked token from a likely string
without asking anybody, and let a mistyped one be refused without asking the store.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from typing import Final, Self

from schemas.api_keys import ApiKey

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PREFIX: Final = "tsk"
_ID: Final = 8
_SECRET: Final = 43
"""Characters: 62 to the power of 43 is the first beyond 2 to the power of 256."""
_CHECKSUM: Final = 6
_FORM: Final = re.compile(
    f"{_PREFIX}_(?P<id>[0-9A-Za-z]{{{_ID}}})_(?P<secret>[0-9A-Za-z]{{{_SECRET}}})[0-9A-Za-z]{{{_CHECKSUM}}}"
)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What a caller shows; its `repr` has no secret in it."""

    id: str
    """The key's."""
    secret: str = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A new one, out of the system's randomness."""
        return cls(_random(_ID), _random(_SECRET))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The token that `text` spells; None for anything else, however odd."""
        found = _FORM.fullmatch(text)
        token = cls(found["id"], found["secret"]) if found else None
        return token if token and token.text == text else None

    @property
    def text(self) -> str:
        """As it is handed out, once, and sent."""
        body = f"{_PREFIX}_{self.id}_{self.secret}"
        return body + _digits(zlib.crc32(body.encode()), _CHECKSUM)

    @property
    def sha256(self) -> str:
        """Digest of the secret, hexadecimal: what of it may be kept."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def matches(self, key: ApiKey) -> bool:
        """Whether it is the key's, told in a time that says nothing about where the two differ."""
        return self.id == key.id and hmac.compare_digest(self.sha256, key.secret_sha256)


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def _digits(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
