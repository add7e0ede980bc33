"""Deduplication and label conflicts: each picture once, under labels that nobody disputes. Pure.

Copies dispute a label where one says that it holds and another that it does not. A maybe disputes nothing:
beside it a yes or a no of another copy is a maybe, too, for then it is plain that people differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
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
    """One line a picture whose labels were disputed and that has them all now."""


def select(seen: Iterable[Seen], *, leave_out: Collection[str] = (), merge: bool = False) -> Selected:
    """Each picture once.

    The same bytes are kept once. Where a label is disputed, a person's word holds before a folder's; where
    nobody outranks the other, all copies are left out, or with `merge` whatever one of them says holds.
    `leave_out` are labels that are forgotten first.
    """
    copies: dict[str, list[Seen]] = {}
    refused: list[Refusal] = []
    for each in seen:
        left = _without(each, leave_out)
        if left is None:
            photo = each.found.photograph
            why = ", ".join((*photo.labels, *photo.maybe))
            refused.append(Refusal(each.found.place, RefusalCause.LEFT_OUT, why))
        else:
            copies.setdefault(each.sha256, []).append(left)
    choices = [_choice(copies[digest], merge=merge) for digest in sorted(copies)]
    return Selected(
        kept=tuple(kept for choice in choices for kept in choice.kept),
        refused=(*refused, *(refusal for choice in choices for refusal in choice.refused)),
        merged=tuple(line for choice in choices for line in choice.merged),
    )


def are_disputed(photographs: Sequence[Photograph]) -> bool:
    """Whether of one label one of them says yes and another no."""
    held = {label for photo in photographs for label in photo.labels}
    return any(not held <= {*photo.labels, *photo.maybe} for photo in photographs)


def _without(each: Seen, leave_out: Collection[str]) -> Seen | None:
    """`each` without labels that are left out; None where it has no other."""
    photo = each.found.photograph
    labels = tuple(label for label in photo.labels if label not in leave_out)
    maybe = tuple(label for label in photo.maybe if label not in leave_out)
    if not labels and (photo.labels or (photo.maybe and not maybe)):
        return None
    return _with(each, replace(photo, labels=labels, maybe=maybe))


def _choice(copies: list[Seen], *, merge: bool) -> Selected:
    """What becomes of the copies of one picture."""
    ordered = sorted(copies, key=lambda each: (not each.found.by_person, each.found.place))
    ranked = [each for each in ordered if each.found.by_person == ordered[0].found.by_person]
    is_disputed = are_disputed([each.found.photograph for each in ranked])
    if is_disputed and not merge:
        why = "; ".join(f"{each.found.place} says {_said(each)}" for each in ranked)
        return Selected((), tuple(Refusal(each.found.place, RefusalCause.CONFLICT, why) for each in ordered))
    kept = _joined(_agreed(ranked, merge=merge), ordered)
    line = f"{' = '.join(each.found.place for each in ranked)}: {', '.join(kept.found.photograph.labels)}"
    refused = (*_duplicates(kept, ranked[1:]), *_outranked(kept, ordered[len(ranked) :]))
    return Selected((kept,), refused, (line,) if is_disputed else ())


def _agreed(copies: Sequence[Seen], *, merge: bool) -> Seen:
    """The first of them with what all say holds; with `merge`, what any of them says."""
    photos = [each.found.photograph for each in copies]
    held = dict.fromkeys(label for photo in photos for label in photo.labels)
    doubted = dict.fromkeys(label for photo in photos for label in photo.maybe)
    labels = tuple(label for label in held if merge or label not in doubted)
    maybe = tuple(label for label in doubted if label not in labels)
    return _with(copies[0], replace(photos[0], labels=labels, maybe=maybe))


def _joined(first: Seen, copies: list[Seen]) -> Seen:
    """`first`, on the side nearest to training of all its copies, and of a source that one of them has."""
    photo = first.found.photograph
    split = nearest_training({each.found.photograph.split for each in copies})
    source = photo.source or next((s for each in copies if (s := each.found.photograph.source)), "")
    return _with(first, replace(photo, split=split, source=source))


def _duplicates(kept: Seen, others: Iterable[Seen]) -> Iterator[Refusal]:
    for each in others:
        yield Refusal(each.found.place, RefusalCause.DUPLICATE, f"the same picture as {kept.found.place}")


def _outranked(kept: Seen, others: Iterable[Seen]) -> Iterator[Refusal]:
    """What a person's word does not bear out; the rest is no more than a copy."""
    for each in others:
        is_same = set(each.found.photograph.labels) <= set(kept.found.photograph.labels)
        cause = RefusalCause.DUPLICATE if is_same else RefusalCause.OUTRANKED
        yield Refusal(each.found.place, cause, f"the same picture as {kept.found.place}")


def _said(each: Seen) -> str:
    photo = each.found.photograph
    said = (*photo.labels, *(f"maybe {label}" for label in photo.maybe))
    return " and ".join(said) or "none of the labels"


def _with(each: Seen, photo: Photograph) -> Seen:
    return replace(each, found=replace(each.found, photograph=photo))
