"""Deduplication and label conflicts: each picture once, under labels that nobody disputes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from model.data.entries import Refusal, RefusalCause
from model.data.inspecting import Seen
from model.data.photograph import Photograph, nearest_training


@dataclass(frozen=True, slots=True)
class Selected:
    """The pictures that stay, by digest of their bytes, and what was left out."""

    kept: tuple[Seen, ...]
    refused: tuple[Refusal, ...]
    merged: tuple[str, ...] = ()
    """One line a picture that stood under several labels and has them all now."""


def select(seen: Iterable[Seen], *, leave_out: Collection[str] = (), merge: bool = False) -> Selected:
    """Each picture once.

    The same bytes under the same labels are kept once. Under different labels a person's word holds before
    a folder's; where nobody outranks the other, all copies are left out, or with `merge` the picture has all
    the labels. `leave_out` are labels that are forgotten first.
    """
    copies: dict[str, list[Seen]] = {}
    refused: list[Refusal] = []
    for each in seen:
        left = _without(each, leave_out)
        if left is None:
            refused.append(
                Refusal(each.found.place, RefusalCause.LEFT_OUT, ", ".join(each.found.photograph.labels))
            )
        else:
            copies.setdefault(each.sha256, []).append(left)
    choices = [_choice(copies[digest], merge=merge) for digest in sorted(copies)]
    return Selected(
        kept=tuple(kept for choice in choices for kept in choice.kept),
        refused=(*refused, *(refusal for choice in choices for refusal in choice.refused)),
        merged=tuple(line for choice in choices for line in choice.merged),
    )


def _without(each: Seen, leave_out: Collection[str]) -> Seen | None:
    """`each` without labels that are left out; None where it has no other."""
    photo = each.found.photograph
    labels = tuple(label for label in photo.labels if label not in leave_out)
    if photo.labels and not labels:
        return None
    return _with(each, replace(photo, labels=labels))


def _choice(copies: list[Seen], *, merge: bool) -> Selected:
    """What becomes of the copies of one picture."""
    ordered = sorted(copies, key=lambda each: (not each.found.by_person, each.found.place))
    ranked = [each for each in ordered if each.found.by_person == ordered[0].found.by_person]
    outranked = ordered[len(ranked) :]
    if len({frozenset(each.found.photograph.labels) for each in ranked}) == 1:
        kept = _joined(ordered[0], ordered)
        return Selected((kept,), tuple(_refusals(kept, (*ranked[1:], *outranked))))
    if merge:
        kept = _merged(ranked, ordered)
        line = f"{' = '.join(each.found.place for each in ranked)}: {', '.join(kept.found.photograph.labels)}"
        return Selected((kept,), tuple(_refusals(kept, (*ranked[1:], *outranked))), (line,))
    why = "; ".join(f"{each.found.place} says {_said(each)}" for each in ranked)
    return Selected((), tuple(Refusal(each.found.place, RefusalCause.CONFLICT, why) for each in ordered))


def _joined(first: Seen, copies: list[Seen]) -> Seen:
    """`first`, on the side nearest to training of all its copies, and of a source that one of them has."""
    photo = first.found.photograph
    split = nearest_training({each.found.photograph.split for each in copies})
    source = photo.source or next((s for each in copies if (s := each.found.photograph.source)), "")
    return _with(first, replace(photo, split=split, source=source))


def _merged(ranked: list[Seen], copies: list[Seen]) -> Seen:
    labels = dict.fromkeys(label for each in ranked for label in each.found.photograph.labels)
    first = _joined(ranked[0], copies)
    return _with(first, replace(first.found.photograph, labels=tuple(labels)))


def _refusals(kept: Seen, others: Iterable[Seen]) -> Iterator[Refusal]:
    for each in others:
        is_same = set(each.found.photograph.labels) <= set(kept.found.photograph.labels)
        cause = RefusalCause.DUPLICATE if is_same else RefusalCause.OUTRANKED
        yield Refusal(each.found.place, cause, f"the same picture as {kept.found.place}")


def _said(each: Seen) -> str:
    return " and ".join(each.found.photograph.labels) or "none of the labels"


def _with(each: Seen, photo: Photograph) -> Seen:
    return replace(each, found=replace(each.found, photograph=photo))
