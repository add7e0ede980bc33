"""Comparison of two versions on one image, folded into the diff of a shadow replay. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from agents import moderation_policy
from schemas.decisions import Decided
from schemas.records import ImageHead, ScoreRecord
from schemas.rescore_diff import FLIPS, MOVERS, Agreement, LabelDiff, Mover, RescoreDiff
from schemas.tags import Verdict

NOTHING = "none"
"""Of an image without tags."""


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """An image that a shadow has scored: what holds, and what would hold by the new version."""

    head: ImageHead
    record: ScoreRecord
    after: Verdict

    @property
    def before(self) -> Verdict | None:
        """What the version of now says, whatever people decided."""
        return self.head.judged

    @property
    def is_changed(self) -> bool:
        """Whether any tag would be another."""
        return set(tags_of(self.before)) != set(self.after.tagged)


def folded(diff: RescoreDiff, compared: Iterable[ComparedImage]) -> RescoreDiff:
    """`diff` with these images."""
    both = []
    first = 0
    for each in compared:
        if each.before is None or each.head.scores is None:
            first += 1
        else:
            both.append(each)
    flips = Counter(diff.flips)
    flips.update(_pair(each) for each in both if each.is_changed)
    kept = dict(flips.most_common(FLIPS))
    return RescoreDiff(
        images=diff.images + len(both),
        first=diff.first + first,
        changed=diff.changed + sum(each.is_changed for each in both),
        labels=_labels(diff, both),
        flips=kept,
        other_flips=diff.other_flips + flips.total() - sum(kept.values()),
        movers=_movers(diff, both),
        people=_people(diff.people, both),
    )


def _labels(diff: RescoreDiff, both: Iterable[ComparedImage]) -> dict[str, LabelDiff]:
    labels = dict(diff.labels)
    for each in both:
        before, after = set(tags_of(each.before)), set(each.after.tagged)
        for label, moved in _moves(each).items():
            known = labels.get(label, LabelDiff())
            labels[label] = known.with_image(before=label in before, after=label in after, moved=moved)
    return labels


def _movers(diff: RescoreDiff, both: Iterable[ComparedImage]) -> tuple[Mover, ...]:
    movers = [*diff.movers, *filter(None, map(_mover, both))]
    return tuple(sorted(movers, key=lambda each: (-each.distance, each.image_id))[:MOVERS])


def _mover(each: ComparedImage) -> Mover | None:
    moves = _moves(each)
    if not moves or each.head.scores is None:
        return None
    label = max(moves, key=lambda name: abs(moves[name]))
    return Mover(
        image_id=each.head.image_id,
        location=each.head.location,
        label=label,
        before=each.head.scores.probabilities[label],
        after=each.record.scores.probabilities[label],
        tags_before=tags_of(each.before),
        tags_after=each.after.tagged,
    )


def _moves(each: ComparedImage) -> dict[str, float]:
    """By how much the probability of each label moved that both versions have."""
    old = each.head.scores.probabilities if each.head.scores else {}
    new = each.record.scores.probabilities
    return {label: new[label] - old[label] for label in new if label in old}


def _people(known: Agreement, both: Iterable[ComparedImage]) -> Agreement:
    found = Counter(_side(each) for each in both if each.is_changed)
    return Agreement(
        with_before=known.with_before + found["before"],
        with_after=known.with_after + found["after"],
        with_neither=known.with_neither + found["neither"],
    )


def _side(each: ComparedImage) -> str:
    """Whose tags are those that a person's decision left the image with."""
    decision = moderation_policy.in_force(each.head)
    if decision is None or each.head.verdict is None:
        return "nobody"
    if decision.action is not Decided.CORRECT:  # it says something of the photograph, and nothing of its tags
        return "nobody"
    people = set(each.head.verdict.tagged)
    if people == set(tags_of(each.before)):
        return "before"
    return "after" if people == set(each.after.tagged) else "neither"


def _pair(each: ComparedImage) -> str:
    return f"{_said(tags_of(each.before))} -> {_said(each.after.tagged)}"


def _said(tags: Iterable[str]) -> str:
    return ", ".join(sorted(tags)) or NOTHING


def tags_of(verdict: Verdict | None) -> tuple[str, ...]:
    """The labels that hold, none where nothing was scored."""
    return verdict.tagged if verdict else ()
