"""Compare-and-swap loop: a document is changed over the very revision that the change was made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from schemas.batch_jobs import BatchJob
from schemas.rescore_jobs import RescoreJob

Job = TypeVar("Job", BatchJob, RescoreJob)
Job_contra = TypeVar("Job_contra", BatchJob, RescoreJob, contravariant=True)


class Replace(Protocol[Job_contra]):
    """Keeps a document in place of that of revision `over`."""

    def __call__(self, job: Job_contra, *, over: int) -> Awaitable[bool]:
        """False where that is not it any more."""


async def swap(
    find: Callable[[], Awaitable[Job]], replace: Replace[Job], change: Callable[[Job], Job]
) -> Job:
    """The document as `change` made it, which is called again where somebody wrote meanwhile.

    What it returns unchanged, the very same object, is not written.
    """
    while True:
        stored = await find()
        changed = change(stored)
        if changed is stored:
            return stored
        next_one = {"revision": stored.revision + 1, "updated_at": datetime.now(UTC)}
        written = changed.model_copy(update=next_one)
        if await replace(written, over=stored.revision):
            return written
