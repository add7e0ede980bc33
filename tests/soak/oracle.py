"""What must have come of what was published, worked out without the workers and without their store.

versitygw 1.8.0 makes its notifications of the buffers of requests that it reuses at once: under load one of
some ten thousand names a key that is two keys mixed (`r4/060.jpg.jpg`, of `street-034.jpg` and `r4/060.jpg`).
Nothing was ever put there, so such an upload must end as a dead letter, as gone: also where the mixed key
begins as those of the planned accidents do (`bad/large-7.jp`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from schemas import topics, wire
from schemas.claims import Claim, Claims
from schemas.decisions import Decided, Decision, ModerationDecided
from schemas.naming import Keys, Naming
from schemas.tags import UNCERTAIN
from schemas.uploads import ImageRemoved, ImageUploaded, Position
from streams.message import Message
from tests.soak.contents import Labels
from tests.soak.ledger import Ledger
from tests.soak.plan import BUCKET, KEY_PATTERN

NAMING: Final = Naming(keys=Keys.RAW, key_pattern=KEY_PATTERN)
FLAGS: Final = frozenset({"menu", "human"})
"""Labels for which a photograph is hidden until a person has looked."""

Source = tuple[str, int, int]
Route = tuple[str, str]
"""Topic and label."""

_BAD: Final = {"bad/missing": "gone", "bad/broken": "undecodable", "bad/large": "too_large"}


@dataclass(frozen=True, slots=True)
class End:
    """What must hold of one image."""

    image_id: str
    event_id: str
    """Of the last word on it."""
    state: str
    labels: Labels
    routes: frozenset[Route]
    words: int
    """Different events that could change something."""
    digest: str | None
    """sha256 of the bytes that stand."""


@dataclass
class Expectation:
    """What must have come of all that was published."""

    ends: dict[str, End] = field(default_factory=dict)
    letters: dict[Source, str] = field(default_factory=dict)
    """The cause of each dead letter that must be there, by its message."""
    possible: set[Source] = field(default_factory=set)
    """Messages that may be dead-lettered as gone: the photograph was removed behind them."""
    images: dict[Source, str] = field(default_factory=dict)
    """The image of each message that is about one that ends well."""
    keys: dict[Source, str] = field(default_factory=dict)
    """Where the photograph of an upload or a removal stands."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Messages, by what they are."""
    digests: dict[str, set[str]] = field(default_factory=dict)
    """sha256 of all that ever stood, by image id."""


@dataclass
class _Said:
    """All that was said of one image."""

    key: str
    claims: Claims = field(default_factory=Claims)
    events: set[str] = field(default_factory=set)
    decisions: dict[str, Decision] = field(default_factory=dict)


class Oracle:
    """Takes the messages of the inbound topics, in any order of topics and partitions."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._said: dict[str, _Said] = {}
        self._decisions: defaultdict[str, dict[str, Decision]] = defaultdict(dict)
        self._expectation = Expectation()

    def expect(self, published: Iterable[Message]) -> Expectation:
        """What must have come of all of it."""
        for message in published:
            if message.topic == topics.DECISIONS:
                self._decided(message)
            else:
                for record in wire.decode(message.value, dict(message.headers), NAMING):
                    self._uploaded(message, record)
        expected = self._expectation
        for image_id, said in self._said.items():
            expected.ends[image_id] = self._end(image_id, said)
            expected.digests[image_id] = self._ledger.at(said.key).digests
        self._rule_on_decisions()
        return expected

    def _uploaded(self, message: Message, record: wire.Record) -> None:
        expected = self._expectation
        match record:
            case wire.Uploaded(event) | wire.Removed(event):
                expected.keys[message.source] = event.location.key
        match record:
            case wire.Ignored():
                expected.kinds["test event of storage"] += 1
            case wire.Invalid():
                expected.letters[message.source] = "malformed"
                expected.kinds["bad: malformed"] += 1
            case wire.Uploaded(event, sequencer=str()) if not self._ledger.at(event.location.key).acts:
                expected.letters[message.source] = "gone"
                expected.kinds["bad: a key that storage mixed up"] += 1
            case wire.Uploaded(event) if (cause := _condemned(event)) is not None:
                expected.letters[message.source] = cause
                expected.kinds[f"bad: {cause}"] += 1
            case wire.Uploaded(event) | wire.Removed(event):
                self._claimed(message, event, record.sequencer)

    def _claimed(self, message: Message, event: ImageUploaded | ImageRemoved, sequencer: str | None) -> None:
        said = self._said.setdefault(event.image_id, _Said(event.location.key))
        expected = self._expectation
        expected.kinds[_kind(event, sequencer, is_known=event.event_id in said.events)] += 1
        claim = Claim.of(event, Position.of(event, message.source, sequencer))
        said.claims = said.claims.joined(Claims.of(claim))
        said.events.add(event.event_id)
        expected.images[message.source] = event.image_id
        published = message.timestamp or datetime.min.replace(tzinfo=UTC)
        if self._ledger.at(said.key).may_be_missed_after(published):
            expected.possible.add(message.source)

    def _decided(self, message: Message) -> None:
        decision = wire.decode_decision(message.value, dict(message.headers))
        if isinstance(decision, wire.Invalid):
            self._expectation.letters[message.source] = "malformed"
            self._expectation.kinds["bad: malformed decision"] += 1
        elif decision.image_id.startswith("unknown-"):
            self._expectation.letters[message.source] = "unknown_image"
            self._expectation.kinds["bad: decision on no photograph"] += 1
        else:
            self._word(message, decision)

    def _word(self, message: Message, said: ModerationDecided) -> None:
        _, partition, offset = message.source
        known = self._decisions[said.image_id]
        kind = "decision, said again" if said.event_id in known else "decision"
        self._expectation.kinds[kind] += 1
        known.setdefault(said.event_id, Decision.of(said, partition, offset))
        self._expectation.images[message.source] = said.image_id

    def _rule_on_decisions(self) -> None:
        for image_id, decisions in self._decisions.items():
            said = self._said[image_id]
            said.decisions = decisions
            self._expectation.ends[image_id] = self._end(image_id, said, others=len(decisions))

    def _end(self, image_id: str, said: _Said, *, others: int = 0) -> End:
        standing = said.claims.current
        digest = None if standing.is_removal else self._ledger.at(said.key).digest
        words = len(said.events) + others
        of_bytes = [each for each in said.decisions.values() if each.content_digest == digest]
        last = max(of_bytes, key=lambda each: (each.decided_at, each.partition, each.offset), default=None)
        state, labels, routes = _holding(digest, self._ledger, last)
        if said.claims.restaurant_id is None:
            routes = frozenset(route for route in routes if route[0] != topics.AMBIANCE)
        return End(image_id, standing.position.event_id, state, labels, routes, words, digest)


def _condemned(event: ImageUploaded) -> str | None:
    """Why the event must be dead-lettered; its key says which accident it is."""
    if event.location.bucket != BUCKET:
        return "not_allowed"
    return next((cause for prefix, cause in _BAD.items() if event.location.key.startswith(prefix)), None)


def _kind(event: ImageUploaded | ImageRemoved, sequencer: str | None, *, is_known: bool) -> str:
    what = "removal" if isinstance(event, ImageRemoved) else "upload"
    voice = "storage" if sequencer else "a producer"
    return f"{what}, said by {voice}{' again' if is_known else ''}"


def _holding(
    digest: str | None, ledger: Ledger, decision: Decision | None
) -> tuple[str, Labels, frozenset[Route]]:
    """State, labels and routes of an image of these bytes, by the rules that are written in DESIGN."""
    if digest is None:
        return "deleted", frozenset(), frozenset()
    labels = ledger.labels[digest]
    if decision and decision.action is not Decided.REVOKE:
        spoken = labels if decision.labels is None else frozenset(decision.labels)
        if decision.action is Decided.REJECT:
            return "hidden", spoken, frozenset()
        return "visible", spoken, _collections(spoken)
    if flagged := labels & FLAGS:
        return "hidden", labels, frozenset((topics.MODERATION, label) for label in flagged)
    if not labels:
        return "visible", labels, frozenset({(topics.MODERATION, UNCERTAIN)})
    return "visible", labels, _collections(labels)


def _collections(labels: Labels) -> frozenset[Route]:
    return frozenset((topics.AMBIANCE, label) for label in labels & {"ambiance"})
