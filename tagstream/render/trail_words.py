"""The trail of an image in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from operations.audit_trail import ClaimView, DecisionView, RouteView, Trail
from schemas import topics
from schemas.decisions import Decided
from schemas.erasure import Erasure
from schemas.records import State
from schemas.tags import UNCERTAIN
from tagstream.render.tables import counted

_DONE = {
    Decided.APPROVE: "approved it",
    Decided.REJECT: "rejected it",
    Decided.CORRECT: "corrected its labels",
    Decided.REVOKE: "took the decision before back",
}


def sentences(trail: Trail) -> Iterator[str]:
    """What became of the image, in the order in which people ask."""
    if trail.erased and trail.is_erased:
        yield f"{trail.image_id} is erased: nothing is known of it any more."
        yield _erased(trail.erased)
        yield _told(trail)
        return
    yield f"{trail.image_id} is {_state(trail)}."
    yield _claimed(trail.standing, trail.why_it_stands)
    yield _scored(trail)
    yield from _collections(trail)
    if trail.decision:
        yield _decided(trail.decision)
    yield from map(_decided, trail.other_decisions)
    if trail.flagged_at:
        yield f"A person is asked to look at it since {moment(trail.flagged_at)}."
    yield _told(trail)


def moment(when: datetime) -> str:
    """In the time zone of whoever reads it."""
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def scored_from(recipe: str | None) -> str:
    """What the model saw of the image."""
    return "the photograph" if recipe is None else f"its rendition ({recipe}), by a replay"


def claim(spoken: ClaimView) -> str:
    """What a voice says: an upload or a removal, and of when."""
    what = "removal" if spoken.is_removal else "upload"
    return f"{what} of {moment(spoken.position.uploaded_at)}"


def decision(made: DecisionView) -> str:
    """What a person did, and when."""
    labels = "" if made.labels is None else f" to {_listed(made.labels) or 'none'}"
    unsure = f", unsure of {_listed(made.unsure)}," if made.unsure else ""
    return f"{made.decided_by} {_DONE[made.action]}{labels}{unsure} at {moment(made.decided_at)}"


def _state(trail: Trail) -> str:
    match trail.state:
        case State.DELETED:
            return "deleted: what was said of it is withdrawn"
        case State.HIDDEN if _is_decided(trail):
            return "hidden: a person rejected it"
        case State.HIDDEN:
            return f"hidden until a person has verified it: {_flags(trail)}"
        case State.VISIBLE if _is_decided(trail):
            return "visible: a person verified it"
        case State.VISIBLE if doubted := _moderated(trail):
            return f"visible, since doubt alone hides nothing: {doubted[0].rule}"
        case _:
            return "visible: nothing sends it to moderation"


def _erased(erasure: Erasure) -> str:
    return (
        f"It was erased at {moment(erasure.erased_at)}; what was uploaded, decided or replayed of it until "
        f"{moment(erasure.until)} stays away, and what is uploaded later is a new photograph."
    )


def _is_decided(trail: Trail) -> bool:
    return trail.decision is not None and trail.decision.in_force


def _moderated(trail: Trail) -> list[RouteView]:
    return [led for led in trail.routes if led.in_force and led.topic == topics.MODERATION]


def _flags(trail: Trail) -> str:
    """The rules that hide it, each with the probability that it fired at."""
    flags = (led for led in _moderated(trail) if led.label != UNCERTAIN)
    return "; ".join(f"{led.rule} ({led.probability:.3f})" for led in flags)


def _claimed(standing: ClaimView, why: str) -> str:
    who = "Storage" if standing.voice == "storage" else "A producer"
    what = "removed" if standing.is_removal else "uploaded"
    location, when = standing.location, moment(standing.position.uploaded_at)
    return f"{who} says that {location} was {what} at {when}; {why}."


def _scored(trail: Trail) -> str:
    if trail.model is None:
        earlier = f"Scored {counted(len(trail.history), 'time')} while it was there; see the history."
        return earlier if trail.was_scored else "It was never scored."
    holds = _listed([each.label for each in trail.tags if each.tagged])
    says = " (a person says so)" if any(each.source == "person" for each in trail.tags) else ""
    return f"{trail.model.name} {trail.model.version} scored it. Labels that hold: {holds or 'none'}{says}."


def _collections(trail: Trail) -> Iterator[str]:
    routes = [led for led in trail.routes if led.topic != topics.MODERATION]
    for led in routes:
        if led.in_force:
            yield f"It is in the collection {led.topic} of {trail.restaurant_id}."
        else:
            yield f"It is not in the collection {led.topic}: {led.why_not}."


def _decided(made: DecisionView) -> str:
    words = decision(made)
    return f"{words}." if made.in_force else f"{words}; not in force: {made.why_not}."


def _told(trail: Trail) -> str:
    told = trail.told
    if told.is_current:
        return f"All of that is announced (revision {trail.revision})."
    before = "nothing was before" if told.revision is None else f"revision {told.revision} was"
    return f"Revision {trail.revision} is not announced yet, or not acknowledged; {before}."


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels)
