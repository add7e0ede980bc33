"""Results of a run of the benchmark that has measured nothing, and what a test says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.suite.results import Machine, Results


def results(
    *, failed: Mapping[str, str] | None = None, parts: Mapping[str, list[Any]] | None = None
) -> Results:
    """Of one machine and day."""
    return Results(
        taken="2026-11-28",
        commit="abc",
        is_full=False,
        machine=Machine("a processor", 2, 8.0, "Linux", "3.11", 0.5),
        photographs={},
        limits=(),
        rounds=(),
        failed=failed or {},
        parts=parts or {},
    )
