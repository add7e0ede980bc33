"""What storage did and never announced: a gateway that is stopped forgets what it had still to say.

That loss is storage's, and no worker can mend it; whoever runs it puts such photographs again. The
soak does so, too, and counts them, so that the last word on every image is on the topic.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import wire
from streams.message import Message
from tests.soak.ledger import Act, Ledger
from tests.soak.oracle import NAMING

_SECOND = timedelta(seconds=1)
"""Storage's clock, as it tells it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One act as storage announced it."""

    key: str
    etag: str | None
    when: datetime


def unannounced(ledger: Ledger, uploads: Iterable[Message]) -> tuple[int, list[str]]:
    """How many acts were not announced, and the keys whose last act is one of them."""
    notices = defaultdict(list)
    for notice in _notices(uploads):
        notices[notice.key].append(notice)
    missing, keys = 0, []
    for photograph in ledger.photographs.values():
        said = notices[photograph.key]
        heard, done = Counter(each.etag for each in said), Counter(act.etag for act in photograph.acts)
        missing += (done - heard).total()
        if photograph.acts and not any(_says(each, photograph.acts[-1]) for each in said):
            keys.append(photograph.key)
    return missing, keys


def _says(notice: Notice, act: Act) -> bool:
    return notice.etag == act.etag and act.began - _SECOND <= notice.when


def _notices(uploads: Iterable[Message]) -> Iterator[Notice]:
    for message in uploads:
        for record in wire.decode(message.value, dict(message.headers), NAMING):
            match record:
                case wire.Uploaded(event, sequencer=str()):
                    yield Notice(event.location.key, event.location.etag, event.uploaded_at)
                case wire.Removed(event, sequencer=str()):
                    yield Notice(event.location.key, None, event.removed_at)
