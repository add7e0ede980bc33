"""Ledger of a rollout: what one worker has counted and not yet added to the rollout's document."""

from __future__ import annotations

from agents.version_comparison import ComparedImage, agreement, folded
from schemas.rollouts import DurationHistogram, RolloutCounts
from schemas.version_diff import VersionDiff


class RolloutLedger:
    """Of one rollout at a time. The event loop's thread only."""

    def __init__(self) -> None:
        self._clear()
        self._back = RolloutCounts()

    def _clear(self) -> None:
        self._compared: list[ComparedImage] = []
        self._corrected: list[ComparedImage] = []
        self._serving: list[float] = []
        self._new: list[float] = []
        self._errors: list[str] = []
        self._passed_over = 0

    def compared(self, image: ComparedImage) -> None:
        """Both versions have scored it."""
        self._compared.append(image)

    def corrected(self, image: ComparedImage) -> None:
        """A person has corrected one on which the two differ."""
        self._corrected.append(image)

    def timed(self, *, serving: float | None = None, new: float | None = None) -> None:
        """Seconds that an image took by either."""
        if serving is not None:
            self._serving.append(serving)
        if new is not None:
            self._new.append(new)

    def failed(self, error: Exception) -> None:
        """The new version could not score one, and the serving one could."""
        self._errors.append(str(error) or repr(error))

    def passed_over(self) -> None:
        """One was not compared."""
        self._passed_over += 1

    def taken(self) -> RolloutCounts:
        """All of it, which the ledger has no more."""
        counts = RolloutCounts(
            diff=folded(VersionDiff(people=agreement(self._corrected)), self._compared),
            errors=len(self._errors),
            last_error=self._errors[-1] if self._errors else "",
            passed_over=self._passed_over,
            serving_seconds=DurationHistogram.of(self._serving),
            new_seconds=DurationHistogram.of(self._new),
        )
        counts, self._back = self._back.joined(counts), RolloutCounts()
        self._clear()
        return counts

    def put_back(self, counts: RolloutCounts) -> None:
        """They could not be added: the ledger has them again."""
        self._back = counts.joined(self._back)

    def forget(self) -> None:
        """Another rollout begins."""
        self._clear()
        self._back = RolloutCounts()
