"""`tagstream decide` is obeyed, or says why it cannot be: it goes behind what it is to outrank."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from agents.bounded_times import ClockLimits
from operations.decide import Outranked, behind
from schemas.decisions import Decided, ModerationDecided
from schemas.errors import Gone
from schemas.records import ImageHead, State

from .head_builders import NOW, after, changes, claim, decided, decision, outcome, removed, scored

LIMITS = ClockLimits(tolerance=600)
A_DAY = 24 * 60
"""Minutes from the first claim to now."""


def said(action: Decided = Decided.REJECT, *, at: datetime = NOW) -> ModerationDecided:
    facts = {"image_id": "img_1", "action": action, "decided_at": at, "decided_by": "bob"}
    return ModerationDecided.model_validate(facts)


def placed(head: ImageHead, event: ModerationDecided | None = None) -> ModerationDecided:
    return behind(event or said(), head, now=NOW, limits=LIMITS)


def head_of(minute: float, action: Decided = Decided.APPROVE, *, content: str | None = None) -> ImageHead:
    return after(scored(claim(1), food=0.9), decided(minute, action, content=content))


def test_a_decision_of_now_is_left_as_it_is_where_nothing_outranks_it() -> None:
    assert placed(after(scored(claim(1), food=0.9))) == said()
    assert placed(head_of(A_DAY - 1)) == said()


@pytest.mark.parametrize("content", [None, "bytes"])
def test_a_decision_goes_behind_one_whose_clock_was_ahead_and_is_obeyed(content: str | None) -> None:
    head = head_of(A_DAY + 9, content=content)
    event = placed(head)
    assert event.decided_at == NOW + timedelta(minutes=9, milliseconds=1)
    assert event.event_id != said().event_id
    again = changes().decided(decision(0, Decided.REJECT).of(event, 0, 99))
    assert outcome(head, again).head.state is State.HIDDEN


def test_one_of_other_bytes_is_no_rival() -> None:
    assert placed(head_of(A_DAY + 9, content="others")) == said()


def test_what_is_dated_too_far_ahead_is_said_with_who_and_until_when() -> None:
    with pytest.raises(Outranked, match=r"img_1: outranked by ann's approve until 2026-01-02T00:15"):
        placed(head_of(A_DAY + 15))


@pytest.mark.parametrize("minute", [A_DAY + 21, 60 * 24 * 365 * 73])
def test_what_an_earlier_version_kept_of_2099_is_outranked_by_a_decision_of_now(minute: int) -> None:
    head = head_of(minute)
    event = placed(head)
    assert event == said()
    obeyed = outcome(head, changes().decided(decision(0, Decided.REJECT).of(event, 0, 99))).head
    assert obeyed.state is State.HIDDEN


def test_of_what_was_removed_nothing_is_decided() -> None:
    gone = outcome(head_of(3), removed(claim(5, removal=True))).head
    with pytest.raises(Gone, match="was removed: there is nothing to decide on"):
        placed(gone)
