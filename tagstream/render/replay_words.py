"""Words for replay jobs: what one would do, where it stands, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from operations.rescore_jobs import JobStanding
from operations.rescore_plan import RescorePlan
from operations.rescore_selection import SENT, RescoreChoice
from schemas.rescore_jobs import FromIds, FromPrefix, FromUploads, RescoreJob, RescoreState
from tagstream.render.console import PrintableTable

CHOICES: Final = {
    RescoreChoice.SEND: "lack scores of this version",
    RescoreChoice.DECIDE: "have scores of this version, and are decided on anew",
    RescoreChoice.SCORED: "have scores of this version",
    RescoreChoice.DONE: "have them by this job, not counted when its runner was stopped",
    RescoreChoice.TAGGED: "have scores of another version",
    RescoreChoice.REMOVED: "were removed",
    RescoreChoice.ELSEWHERE: "are another restaurant's",
    RescoreChoice.UNASKED: "are left out by the other filters",
    RescoreChoice.UNKNOWN: "are unknown to the store: `tagstream upload` announces objects",
}

SHOWN: Final = 10
"""Images that are named, of those that are unfinished."""


def plan(made: RescorePlan, job: RescoreJob) -> PrintableTable:
    """What the job would do, and what that costs."""
    table = PrintableTable.grid(padding=(0, 2))
    if made.read:
        table.add_row(f"{made.read:,}", "messages read")
    if made.unreadable:
        table.add_row(f"{made.unreadable:,}", "of them no events: they are among the dead letters")
    looked = "photographs" if made.is_whole else f"photographs looked at, {_of_how_many(made)}"
    table.add_row(f"{made.looked_at:,}", looked)
    for choice, words in CHOICES.items():
        if count := made.choices.get(choice.value):
            table.add_row(f"{count:,}", words)
    for number, words in _costs(made, job):
        table.add_row(number, words)
    return table


def _of_how_many(made: RescorePlan) -> str:
    return "of more that there are" if made.total is None else f"of {made.total:,}"


def _costs(made: RescorePlan, job: RescoreJob) -> Iterator[tuple[str, str]]:
    yield f"{made.wanted:,}", f"would be scored by version {job.model_version}"
    if not made.wanted:
        return
    if made.bytes is not None:
        yield _size(made.bytes), f"to be fetched, by the mean of {len(made.sizes):,} photographs"
    if made.sample is None or made.device_seconds is None:
        yield "?", "seconds of device: nothing was measured, the history has no scores of these images"
    else:
        by = ", ".join(f"{count} of version {version}" for version, count in made.sample.versions.items())
        words = (
            f"of device at most: a forward took {made.sample.seconds['forward'] * 1000:,.1f} ms in the last"
            f" {made.sample.records} records of the history ({by}), and images of a batch share it"
        )
        yield f"{made.device_seconds:,.0f} s", words
    if made.speed is None or made.hours is None:
        yield "?", "hours: no job has rescored enough yet to measure by, nor have workers had so much to do"
    else:
        words = f"at {made.speed.rate:,.1f} images a second, measured of {made.speed.measured_of}"
        yield f"{made.hours:,.1f} h", words


def _size(count: int) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 - of a unit
            return f"{count:,} {unit}"
        count //= 1000
    return f"{count:,} TB"


def step(job: RescoreJob) -> str:
    """What a runner has come to."""
    match job.state:
        case RescoreState.RUNNING:
            return f"Replay {job.id} runs; Ctrl-C leaves it, and `tagstream replay resume {job.id}` goes on"
        case RescoreState.WAITING:
            return f"Replay {job.id} waits: {job.why}"
        case _:
            return f"Replay {job.id} is {job.state}"


def line(job: RescoreJob) -> str:
    """A job in one line."""
    why = f": {job.why}" if job.why else ""
    return f"{job.id} {job.state}, {of_total(job)} images, {job.counts.rescored:,} rescored{why}"


def of_total(job: RescoreJob) -> str:
    """How many images were looked at, and of how many."""
    done = f"{job.counts.looked_at:,}"
    return done if job.total is None else f"{done} of {job.total:,}"


def steered(found: JobStanding) -> str:
    """What was just made of a job."""
    job = found.job
    pace = f", {job.rate:g} images a second at most" if job.rate else ""
    then = {
        RescoreState.PAUSED: f"; `tagstream replay resume {job.id}` goes on",
        RescoreState.CANCELLED: "; workers pass over what it has in the lane, within seconds where they run",
    }.get(job.state, "")
    return f"{job.id} is {job.state}{pace}{then}"


def facts(found: JobStanding) -> Iterator[tuple[str, str]]:
    """Names and values of what is known of a job."""
    job, counts = found.job, found.job.counts
    yield "job", job.id
    yield "state", _state(found)
    yield "version", job.model_version
    yield "source", _source(job)
    if filters := job.filters.model_dump(mode="json", exclude_defaults=True):
        yield "filters", ", ".join(f"{name} {value}" for name, value in filters.items())
    why = f": {job.reason}" if job.reason else ""
    yield "started", f"{job.created_at.astimezone():%Y-%m-%d %H:%M:%S} by {job.created_by}{why}"
    if job.rate:
        yield "rate", f"{job.rate:g} images a second at most"
    yield "images", of_total(job)
    for choice, words in CHOICES.items():
        if count := counts.chosen.get(choice.value):
            yield "", f"{count:,} {_past(words) if choice in SENT else words}"
    speed = f", {counts.rescored / counts.seconds:,.1f} a second" if counts.seconds > 1 else ""
    yield "rescored", f"{counts.rescored:,}{speed}; the tags of {counts.changed:,} have changed"
    if counts.skipped:
        yield "skipped", f"{counts.skipped:,} were removed meanwhile"
    if counts.unfinished:
        yield "unfinished", f"{counts.unfinished:,}{'' if job.has_ended else ', tried once more at the end'}"


def _state(found: JobStanding) -> str:
    job, why = found.job, f": {found.job.why}" if found.job.why else ""
    if found.is_orphaned:
        return f"{job.state}, but nobody runs it: `tagstream replay resume {job.id}` goes on{why}"
    by = f", run by {found.runner}" if found.runner else ""
    return f"{job.state}{by}{why}"


def _past(words: str) -> str:
    return words.replace("lack ", "lacked ").replace("have ", "had ").replace("are decided", "were decided")


def _source(job: RescoreJob) -> str:
    match job.source:
        case FromUploads(begin=begin, end=end):
            places = ", ".join(f"{number}:{begin[number]}-{end.get(number, 0)}" for number in sorted(begin))
            return f"the uploads topic, {places}"
        case FromIds(path=path):
            return f"the file {path}"
        case FromPrefix(bucket=bucket, prefix=prefix):
            return f"s3://{bucket}/{prefix}"
        case _:
            return "the store"


def unfinished(job: RescoreJob) -> str:
    """Which images have no such scores, and where to look."""
    named = ", ".join(job.unfinished[:SHOWN])
    more = job.counts.unfinished - min(SHOWN, len(job.unfinished))
    rest = f" and {more:,} more (`tagstream replay status {job.id} --json` names them)" if more > 0 else ""
    return (
        f"Without scores of version {job.model_version}: {named}{rest}. They are gone, among the dead letters"
        " (`tagstream dlq list`), or their worker had another version: `tagstream why IMAGE_ID` tells"
    )
