"""Guards of a rollout: what rolls it back by itself, and why. Pure.

A share trips where it is surely over its limit (the lower end of Wilson's interval), so that chance alone
hardly ever does.
"""

from __future__ import annotations

from typing import Final

from model.evaluation.shares import Share
from schemas.rollouts import ModelRollout

FEWEST: Final = 5
"""Errors, or corrections by people, below which they say nothing."""

P95: Final = 0.95


def tripped(rollout: ModelRollout) -> str | None:
    """Why it has to be rolled back, in a sentence; None while no guard says so."""
    return _errors(rollout) or _flips(rollout) or _slower(rollout) or _disagreement(rollout)


def failures(rollout: ModelRollout) -> Share:
    """Images that the new version could not score, of those that it was to."""
    return Share(rollout.counts.errors, rollout.counts.tried)


def disagreements(rollout: ModelRollout) -> Share:
    """Of corrected images on which the two differ: those that people have as the serving version has them."""
    people = rollout.counts.diff.people
    return Share(people.with_before, people.images)


def slowdown(rollout: ModelRollout) -> float | None:
    """p95 of the new version's time over the serving one's; None where either is not known."""
    counts = rollout.counts
    serving, new = counts.serving_seconds.quantile(P95), counts.new_seconds.quantile(P95)
    return new / serving if serving and new else None


def _errors(rollout: ModelRollout) -> str | None:
    counts, most, share = rollout.counts, rollout.guards.errors, failures(rollout)
    if share.hits < FEWEST or share.interval[0] <= most:
        return None
    return (
        f"it failed on {share.value:.1%} of {share.of} images, and {most:.1%} may be; the last time:"
        f" {counts.last_error}"
    )


def _flips(rollout: ModelRollout) -> str | None:
    labels, guards = rollout.counts.diff.labels, rollout.guards
    for label, diff in sorted(labels.items(), key=lambda each: -each[1].flips):
        share = Share(diff.flips, diff.images)
        if share.of >= guards.minimum and share.interval[0] > guards.flips:
            found = f"{label} comes or goes on {share.value:.1%} of {share.of} images"
            return f"{found}, and {guards.flips:.1%} may be"
    return None


def _slower(rollout: ModelRollout) -> str | None:
    """Of a canary alone: nobody waits for a shadow."""
    counts, guards = rollout.counts, rollout.guards
    if not rollout.is_canary or min(counts.serving_seconds.count, counts.new_seconds.count) < guards.minimum:
        return None
    times = slowdown(rollout)
    if times is None or times <= guards.slower:
        return None
    return f"its p95 is {times:.1f} times that of {rollout.serving}, and {guards.slower:g} times may be"


def _disagreement(rollout: ModelRollout) -> str | None:
    most, share = rollout.guards.disagreement, disagreements(rollout)
    if share.of < FEWEST or share.interval[0] <= most:
        return None
    return (
        f"of {share.of} images that people corrected and that differ, {share.value:.0%} are as"
        f" {rollout.serving} has them and not as {rollout.version}, and {most:.0%} may be"
    )
