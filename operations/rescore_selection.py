"""Selection of images to rescore: what becomes of each, by its claims, its head and the job's filters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from agents.bounded_times import NEVER
from agents.transitions import joined
from schemas.claims import Claim, Claims
from schemas.records import ImageHead, State
from schemas.rescore_jobs import RescoreFilters, RescoreJob


class RescoreChoice(StrEnum):
    """What is to become of an image."""

    SEND = "send"
    SCORED = "scored"
    """It has scores of the wanted version."""
    DONE = "done"
    """It has them by this very job, whose runner was killed before it could count it."""
    DECIDE = "decide"
    """It has them, and is sent to be decided on anew."""
    REMOVED = "removed"
    """It was withdrawn: nobody resurrects it."""
    ELSEWHERE = "elsewhere"
    """It is another restaurant's."""
    TAGGED = "tagged"
    """It has scores of some version, and only images without any are wanted."""
    UNASKED = "unasked"
    """Its time, its labels, its scores or their version are not those that are asked for."""
    UNKNOWN = "unknown"
    """Neither the store nor an upload says anything of it."""


SENT: Final = frozenset({RescoreChoice.SEND, RescoreChoice.DECIDE})

Chosen = tuple[RescoreChoice, Claim | None]


@dataclass(frozen=True, slots=True)
class RescoreSelection:
    """Which images a job is about."""

    job_id: str
    version: str
    """The model version whose scores they shall have."""
    filters: RescoreFilters

    @classmethod
    def of(cls, job: RescoreJob) -> RescoreSelection:
        """That of the job."""
        return cls(job.id, job.model_version, job.filters)

    def choose(self, claims: Claims | None, head: ImageHead | None, *, horizon: datetime = NEVER) -> Chosen:
        """What becomes of the image, and the claim that stands; a worker takes none beyond `horizon`."""
        if claims is None:
            if head is None:
                return RescoreChoice.UNKNOWN, None
            claims = head.all_claims
        known = joined(head, claims, horizon=horizon)
        standing = known.current
        return self._choice(known, head, standing), standing

    def _choice(self, known: Claims, head: ImageHead | None, standing: Claim) -> RescoreChoice:
        answering = head if head and head.position.is_same(standing.position) else None
        if standing.is_removal or (answering and answering.state is State.DELETED):
            return RescoreChoice.REMOVED
        wanted, whose = (
            self.filters.restaurant_id,
            known.restaurant_id or (head.restaurant_id if head else None),
        )
        if wanted and wanted != whose:
            return RescoreChoice.ELSEWHERE
        scored = answering if answering and answering.scores else None
        if not (self._is_of_the_time(standing) and self._is_of_the_scores(scored)):
            return RescoreChoice.UNASKED
        return RescoreChoice.SEND if scored is None else self._of_scored(scored)

    def _of_scored(self, head: ImageHead) -> RescoreChoice:
        if head.scores is None or head.scores.model.version != self.version:
            return RescoreChoice.TAGGED if self.filters.only_missing else RescoreChoice.SEND
        if self.filters.decide_again:
            return RescoreChoice.DECIDE
        return RescoreChoice.DONE if head.job == self.job_id else RescoreChoice.SCORED

    def _is_of_the_time(self, standing: Claim) -> bool:
        when, filters = standing.position.uploaded_at, self.filters
        return (filters.since is None or when >= filters.since) and (
            filters.until is None or when < filters.until
        )

    def _is_of_the_scores(self, head: ImageHead | None) -> bool:
        """Whether the scores that stand are those that are asked for; what has none is of none."""
        filters = self.filters
        if filters.label and not (head and head.verdict and filters.label in head.verdict.tagged):
            return self._is_mine(head)
        scores = head.scores if head else None
        if filters.scored_by and not (scores and scores.model.version == filters.scored_by):
            return self._is_mine(head)
        if not filters.bands:
            return True
        found = scores.probabilities if scores else {}
        within = (band.label in found and band.holds(found[band.label]) for band in filters.bands)
        return any(within) or self._is_mine(head)

    def _is_mine(self, head: ImageHead | None) -> bool:
        """Whether this job has scored it: what it was asked by was true of the scores before."""
        return bool(
            head and head.scores and head.scores.model.version == self.version and head.job == self.job_id
        )
