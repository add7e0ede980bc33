"""Which of two heads of one image holds. Pure, so that every store decides alike."""

from __future__ import annotations

from schemas.records import Announced, ImageHead, Kept, Stale


def keep(stored: ImageHead | None, head: ImageHead) -> Kept | Stale:
    """What the store holds once `head` has been offered to it; `announced` stays as it was stored.

    Equal positions are deliveries of one event: of one model what was kept first stays, another
    model's verdict replaces it.
    """
    if stored is None:
        return Kept(head=head.model_copy(update={"announced": None}))
    if head.position.is_older_than(stored.position):
        return Stale(head=stored)
    if head.position.is_same(stored.position) and head.scores.model == stored.scores.model:
        return Kept(head=stored)
    return Kept(head=head.model_copy(update={"announced": stored.announced}))


def mark(stored: ImageHead, announced: Announced) -> ImageHead:
    """`stored` with what the broker has acknowledged, unless a newer event's verdict is announced."""
    if stored.announced and announced.position.is_older_than(stored.announced.position):
        return stored
    return stored.model_copy(update={"announced": announced})
