"""The account: what must be there beside what is there, each difference named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from schemas import topics
from schemas.records import ImageHead
from schemas.wire import headers
from streams.message import Message
from tests.soak.evidence import Evidence
from tests.soak.following import Followed, event_of, followed, latest
from tests.soak.oracle import End, Expectation, Source

EVENTS: Final = (topics.TAGGED, topics.LATEST, topics.MODERATION, topics.AMBIANCE, topics.STATEMENTS)
_CODE: Final = f"{headers.PREFIX}code"


class Fault(StrEnum):
    """What can be wrong; none of it may be."""

    LOST = "lost"
    """The last word on an image, or a letter, is not there."""
    DOUBLED = "second effect"
    """Something happened twice that was said once."""
    CONDEMNED = "condemned"
    """A letter that nothing justifies."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference."""

    fault: Fault
    what: str
    """The image, or the message."""
    why: str


@dataclass
class Account:
    """All differences, and what was counted on the way."""

    findings: list[Finding] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    """Messages in, by what they are."""
    letters: Counter[str] = field(default_factory=Counter)
    """Dead-lettered messages, by cause."""
    repeated_letters: int = 0
    deferred: int = 0
    """Messages on the retry topic."""
    published: dict[str, int] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)
    """Events that were published once more under their own id, by topic."""
    overtaken: int = 0
    """Events behind a later revision of their image: consumers drop them."""
    images: int = 0
    accounted: int = 0
    """Messages in whose end is there."""

    @property
    def events_in(self) -> int:
        """Messages on the inbound topics."""
        return sum(self.kinds.values())

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def of(self, fault: Fault) -> list[Finding]:
        """The findings of that kind."""
        return [finding for finding in self.findings if finding.fault is fault]


def balance(expected: Expectation, evidence: Evidence) -> Account:
    """The account of a run whose traffic has ended and whose workers have nothing left to do."""
    account = Account(kinds=expected.kinds, images=len(expected.ends))
    topic_folds = {topic: followed(evidence.on(topic)) for topic in EVENTS}
    lasts = latest(evidence.on(topics.LATEST))
    for image_id, end in expected.ends.items():
        account.findings += _of_head(end, evidence.heads.get(image_id))
        account.findings += _of_latest(end, evidence.heads.get(image_id), lasts.get(image_id))
        account.findings += _of_tagged(end, evidence.heads.get(image_id), topic_folds[topics.TAGGED])
        account.findings += _of_routes(end, topic_folds)
        account.findings += _of_statements(end, topic_folds[topics.STATEMENTS])
        account.findings += _of_records(end, evidence, expected.digests[image_id])
    account.findings += _of_strangers(expected, evidence)
    for topic, fold in topic_folds.items():
        account.findings += (Finding(Fault.DOUBLED, *twice) for twice in fold.ambiguous)
        account.published[topic], account.repeated[topic] = fold.events, fold.repeated
        account.overtaken += fold.overtaken
    _letters(account, expected, evidence)
    _count(account, expected)
    return account


def _of_head(end: End, head: ImageHead | None) -> Iterator[Finding]:
    """The last word on the image is what its head answers."""
    if head is None:
        yield _lost(end, "it was never kept")
        return
    tags = frozenset(head.verdict.tagged) if head.verdict else frozenset()
    digest = head.content.digest if head.content else None
    held = {
        "the last word on it": (head.position.event_id, end.event_id),
        "its state": (str(head.state), end.state),
        "its labels": (sorted(tags), sorted(end.labels)),
        "its content": (digest, end.digest),
    }
    for what, (found, wanted) in held.items():
        if found != wanted:
            yield _lost(end, f"{what} is {wanted}; its head has {found}")
    if not head.is_announced:
        yield _lost(end, f"revision {head.revision} was never announced")
    if head.revision > end.words:
        yield Finding(Fault.DOUBLED, end.image_id, f"{head.revision} revisions of {end.words} events")


def _of_latest(end: End, head: ImageHead | None, last: Message | None) -> Iterator[Finding]:
    """What compaction leaves is what holds."""
    if head is None:
        return
    if last is None:
        yield _lost(end, "the latest tags say nothing of it")
    elif end.state == "deleted" and last.value is not None:
        yield _lost(end, "it is gone, and the latest tags have no tombstone")
    elif end.state != "deleted":
        event = event_of(last)
        said = event["revision"] if event else None
        if said != head.revision:
            yield _lost(end, f"the latest tags say revision {said}; its head has {head.revision}")


def _of_tagged(end: End, head: ImageHead | None, fold: Followed) -> Iterator[Finding]:
    """Every scored image says so."""
    said = fold.revisions.get(end.image_id, set())
    if head is not None and end.state != "deleted" and head.revision not in said:
        yield _lost(end, f"its revision {head.revision} is not on {topics.TAGGED}")
    if len(said) > end.words:
        yield Finding(Fault.DOUBLED, end.image_id, f"tagged {len(said)} times for {end.words} events")


def _of_routes(end: End, folds: dict[str, Followed]) -> Iterator[Finding]:
    """Who follows the changes holds what holds."""
    for topic in (topics.MODERATION, topics.AMBIANCE):
        held = folds[topic].routes.get(end.image_id, set())
        wanted = {label for place, label in end.routes if place == topic}
        if missing := wanted - held:
            yield _lost(end, f"{topic} does not say {sorted(missing)}")
        if extra := held - wanted:
            yield Finding(Fault.DOUBLED, end.image_id, f"{topic} still says {sorted(extra)}")


def _of_statements(end: End, fold: Followed) -> Iterator[Finding]:
    """What is hidden has its reasons stated."""
    if end.state == "hidden" and end.image_id not in fold.restricted:
        yield _lost(end, f"it is hidden, and {topics.STATEMENTS} does not say why")


def _of_records(end: End, evidence: Evidence, ever: set[str]) -> Iterator[Finding]:
    """The history has each content once, and only what stood there once."""
    digests = Counter(
        (record.content.digest if record.content else None, record.scores.model.digest)
        for record in evidence.records.get(end.image_id, ())
    )
    for (digest, _), count in digests.items():
        if count > 1:
            yield Finding(Fault.DOUBLED, end.image_id, f"{count} score documents of content {digest}")
        if digest not in ever:
            yield Finding(Fault.DOUBLED, end.image_id, f"a score document of foreign content {digest}")
    if end.digest is not None and not any(digest == end.digest for digest, _ in digests):
        yield _lost(end, "its content has no score document")


def _of_strangers(expected: Expectation, evidence: Evidence) -> Iterator[Finding]:
    for image_id in evidence.heads.keys() - expected.ends.keys():
        yield Finding(Fault.DOUBLED, image_id, "a head of an image of which nobody spoke")


def _letters(account: Account, expected: Expectation, evidence: Evidence) -> None:
    """Each planned letter is there, and no other."""
    found: dict[Source, str] = {}
    for letter in evidence.on(topics.DEAD_LETTERS):
        source, code = headers.origin(letter), dict(letter.headers).get(_CODE, b"").decode()
        account.repeated_letters += source in found
        found[source] = code
        account.findings += _of_letter(source, code, expected)
    for source in expected.letters.keys() - found.keys():
        account.findings.append(Finding(Fault.LOST, _place(source), "its dead letter is not there"))
    for parked in evidence.on(topics.PARKING):
        account.findings.append(Finding(Fault.CONDEMNED, _place(headers.origin(parked)), "parked"))
    account.letters = Counter(found.values())
    account.deferred = len(evidence.on(topics.RETRY))


def _of_letter(source: Source, code: str, expected: Expectation) -> Iterator[Finding]:
    wanted = expected.letters.get(source)
    told = f"{expected.keys.get(source, 'no key')} as {code}"
    if wanted is not None and wanted != code:
        yield Finding(Fault.CONDEMNED, _place(source), f"{told}; it is {wanted}")
    if wanted is None and not (source in expected.possible and code == "gone"):
        yield Finding(Fault.CONDEMNED, _place(source), f"{told}; nothing is wrong with it")


def _count(account: Account, expected: Expectation) -> None:
    """A message is accounted for where nothing was found about its image or itself."""
    wrong = {finding.what for finding in account.findings}
    bad = sum(_place(source) in wrong for source in expected.letters)
    bad += sum(image_id in wrong or _place(source) in wrong for source, image_id in expected.images.items())
    account.accounted = account.events_in - bad


def unread(acknowledged: Iterable[Source], evidence: Evidence) -> Iterator[Finding]:
    """Messages that the broker has acknowledged and does not have."""
    there = {message.source for message in evidence.published}
    for source in set(acknowledged) - there:
        yield Finding(Fault.LOST, _place(source), "acknowledged, and not on its topic")


def _lost(end: End, why: str) -> Finding:
    return Finding(Fault.LOST, end.image_id, why)


def _place(source: Source) -> str:
    topic, partition, offset = source
    return f"{topic}/{partition}/{offset}"
