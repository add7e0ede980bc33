"""Comparison of two versions on one image, folded into a diff of many (shadow replays, rollouts). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents import moderation_policy
from schemas.decisions import Decided
from schemas.records import ImageHead, ScoreRecord
from schemas.tags import Scores, Verdict
from schemas.uploads import Location
from schemas.version_diff import Agreement, LabelDiff, Mover, VersionDiff, farthest

NOTHING = "none"
"""Of an image without tags."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a version says of an image, whatever people decided."""

    scores: Scores
    verdict: Verdict

    @property
    def tags(self) -> frozenset[str]:
        """That hold by it."""
        return frozenset(self.verdict.tagged)


@dataclass(frozen=True, slots=True)
class ComparedImage:
    """An image that the new version has scored, and what the old one had said of it."""

    image_id: str
    location: Location
    before: Said | None
    """None where the old one has no scores of it."""
    after: Said
    people: frozenset[str] | None = None
    """The tags that a person's correction left it with; None where nobody has corrected them."""

    @classmethod
    def of_shadow(cls, head: ImageHead, record: ScoreRecord, after: Verdict) -> ComparedImage:
        """What holds, and what would hold by the version of `record`."""
        said = Said(head.scores, head.judged) if head.scores and head.judged else None
        new = Said(record.scores, after)
        return cls(head.image_id, head.location, said, new, corrected(head))

    @property
    def is_changed(self) -> bool:
        """Whether any tag would be another."""
        return (self.before.tags if self.before else frozenset()) != self.after.tags


def folded(diff: VersionDiff, compared: Iterable[ComparedImage]) -> VersionDiff:
    """`diff` with these images."""
    every = tuple(compared)
    pairs = [(each, each.before) for each in every if each.before is not None]
    changed = [(each, before) for each, before in pairs if each.is_changed]
    fresh = VersionDiff(
        images=len(pairs),
        first=len(every) - len(pairs),
        changed=len(changed),
        labels=_labels(pairs),
        flips=Counter(
            f"{_in_words(before.tags)} -> {_in_words(each.after.tags)}" for each, before in changed
        ),
        movers=farthest(filter(None, (_mover(each, before) for each, before in pairs))),
        people=agreement(each for each, _ in changed),
    )
    return diff.joined(fresh)


def agreement(changed: Iterable[ComparedImage]) -> Agreement:
    """Whose tags are those that people's corrections left these images with."""
    found = Counter(map(_side, changed))
    return Agreement(with_before=found["before"], with_after=found["after"], with_neither=found["neither"])


def corrected(head: ImageHead) -> frozenset[str] | None:
    """The tags that a person's correction left it with, if one is in force."""
    decision = moderation_policy.in_force(head)
    if decision is None or head.verdict is None:
        return None
    if decision.action is not Decided.CORRECT:  # it says something of the photograph, and nothing of its tags
        return None
    return frozenset(head.verdict.tagged)


def tags_of(verdict: Verdict | None) -> tuple[str, ...]:
    """The labels that hold, none where nothing was scored."""
    return verdict.tagged if verdict else ()


def _labels(pairs: Sequence[tuple[ComparedImage, Said]]) -> dict[str, LabelDiff]:
    labels: dict[str, LabelDiff] = {}
    for each, before in pairs:
        for label, moved in _moves(before, each.after).items():
            one = LabelDiff.of(before=label in before.tags, after=label in each.after.tags, moved=moved)
            labels[label] = labels.get(label, LabelDiff()).joined(one)
    return labels


def _mover(each: ComparedImage, before: Said) -> Mover | None:
    moves = _moves(before, each.after)
    if not moves:
        return None
    label = max(moves, key=lambda name: abs(moves[name]))
    return Mover(
        image_id=each.image_id,
        location=each.location,
        label=label,
        before=before.scores.probabilities[label],
        after=each.after.scores.probabilities[label],
        tags_before=before.verdict.tagged,
        tags_after=each.after.verdict.tagged,
    )


def _moves(before: Said, after: Said) -> dict[str, float]:
    """By how much the probability of each label moved that both versions have."""
    old, new = before.scores.probabilities, after.scores.probabilities
    return {label: new[label] - old[label] for label in new if label in old}


def _side(each: ComparedImage) -> str:
    if each.people is None:
        return "nobody"
    if each.before is not None and each.people == each.before.tags:
        return "before"
    return "after" if each.people == each.after.tags else "neither"


def _in_words(tags: Iterable[str]) -> str:
    return ", ".join(sorted(tags)) or NOTHING
