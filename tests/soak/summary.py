"""The account as a table for people."""

from __future__ import annotations

from collections.abc import Iterator

from tests.soak.account import Fault, Finding
from tests.soak.result import Result

MOST = 20
"""Findings that are shown; the report and `--json` have all."""


def summary(result: Result) -> str:
    """Every figure, a line each."""
    return "".join(f"{name:36}{value}\n".rstrip(" ") for name, value in _rows(result))


def _rows(result: Result) -> Iterator[tuple[str, str]]:
    account, work = result.account, result.work
    yield (
        "events in",
        f"{account.events_in} in {result.traffic_seconds / 60:.1f} min, of {account.images} images",
    )
    for kind, count in sorted(account.kinds.items(), key=lambda each: -each[1]):
        yield f"  {kind}", f"{count}"
    yield "accounted for", f"{account.accounted}"
    for fault in Fault:
        yield str(fault), f"{len(account.of(fault))}"
    yield "falsely away", f"{len(result.false_absences)}"
    for absence in result.false_absences[:MOST]:
        where = f"  {absence.dependency}, at {absence.at:.0f} s"
        yield where, f"worker {absence.worker}: {absence.cause}"
    yield from _findings(account.findings)
    yield "dead letters", f"{_counts(account.letters)}; {account.repeated_letters} written twice"
    yield "deferred", f"{account.deferred}"
    repeated = ", ".join(f"{topic} {count}" for topic, count in account.repeated.items() if count)
    yield "published again", f"{repeated or 'nothing'}; {account.overtaken} behind a later revision"
    yield "begun again", f"{work.redeliveries} of {work.messages} messages"
    yield "offsets turned back", f"{result.turned_back}"
    yield "storage never announced", f"{result.unannounced} acts; the last words among them were said again"
    yield "faults", f"{len(result.struck)}; seconds until the backlog was as before:"
    for name in sorted(result.faults):
        recoveries = [each.recovery for each in result.struck if each.name == name]
        said = ", ".join("never" if each is None else f"{each:.0f}" for each in recoveries)
        yield f"  {name}", said
    yield "backlog at its worst", f"{result.most_lag} messages; drained in {result.drain_seconds:.0f} s"
    for each in result.memories:
        yield f"  worker {each.worker}", f"{each.first:.1f} MiB warm, {each.last:.1f} at its end"
    slope = "too short to say" if result.slope is None else f"{result.slope:+.1f} MiB an hour"
    yield "memory grows by", slope
    yield "CPU", f"{work.cpu_per_event * 1000:.1f} ms a message, starts of processes included"
    exits = ", ".join(f"exit {code}: {count}" for code, count in work.exits.items())
    yield "after SIGTERM", exits or "nobody was stopped"
    yield "ended by themselves", f"{len(work.deaths)}"
    for death in work.deaths:
        yield "  and was replaced", death


def _findings(findings: list[Finding]) -> Iterator[tuple[str, str]]:
    for finding in findings[:MOST]:
        yield f"  {finding.fault}", f"{finding.what}: {finding.why}"
    if len(findings) > MOST:
        yield "", f"... and {len(findings) - MOST} more"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
