"""Secret masking: takes the settings' secrets, and whatever looks like one, out of every text.

Masked is what leaves the process in words: log lines, the command line's errors and answers about the
settings, and the causes of dead letters. What is known is masked as it stands; what looks like a secret
(a URL's password, a presigned URL's signature, an API key's token) whoever's it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

MASK: Final = "**********"

STANDARD: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "OTEL_EXPORTER_OTLP_HEADERS",
)
"""Secrets that others have named, and that libraries read by themselves."""

_SECRET_TEXT: Final = re.compile(
    r"(?P<before>"
    r"://[^/\s:@'\"]*:(?=[^/\s'\"]*@)"  # a URL's user:PASSWORD@
    r"|X-Amz-(?:Signature|Credential|Security-Token)="
    r"|\btsk_[0-9a-z]{8}_"  # an API key's token: its id says which to revoke
    r"|authorization['\"]?[:=]\s*['\"]?(?:Bearer |Basic )?"
    r")[^\s@&'\"]+",
    re.IGNORECASE,
)
_SHORTEST: Final = 6
"""A configured secret of fewer characters would mask innocent text."""


class Mask:
    """Hides secrets in a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        long = {
            each for secret in secrets for each in (secret, *_passwords(secret)) if len(each) >= _SHORTEST
        }
        spellings = long | {json.dumps(secret)[1:-1] for secret in long}
        # The longest first: one secret may be the beginning of another.
        self._known = sorted(spellings, key=len, reverse=True)

    def hide(self, text: str) -> str:
        """The text without them."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        return _SECRET_TEXT.sub(rf"\g<before>{MASK}", text)

    def hide_in(self, value: Any) -> Any:  # noqa: ANN401 - whatever a setting is
        """The value; a text, and each text of a list, without them."""
        if isinstance(value, list):
            return [self.hide_in(each) for each in value]
        return self.hide(value) if isinstance(value, str) else value


def secrets_of(settings: BaseModel) -> Iterator[str]:
    """Every secret that is set in `settings`, in its sections too."""
    for _, value in settings:
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from secrets_of(value)


def secrets_in(environment: Mapping[str, str], names: Iterable[str] = ()) -> Iterator[str]:
    """Every secret that is set in `environment`, under a standard name or one of `names`."""
    secret = {*STANDARD, *names}
    for name, value in environment.items():
        if name.upper() in secret:
            yield value


def _passwords(secret: str) -> Iterator[str]:
    """Of a URL its password, as it is spelled and as it is meant: an error may quote that alone."""
    if "://" not in secret:
        return
    try:
        password = urlsplit(secret).password
    except ValueError:
        return
    if password:
        yield from {password, unquote(password)}
