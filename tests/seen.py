"""What a test saw, for people: kills, redeliveries, seconds. Printed together when all tests have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

Tell = Callable[[str], None]
PROPERTY = "seen"


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Keeps a line for the end of the run; also where tests run in several processes."""

    def told(line: str) -> None:
        request.node.user_properties.append((PROPERTY, line))

    return told


def lines(reports: list[object]) -> Iterator[str]:
    """What the tests of these reports told, in their order."""
    for report in reports:
        if isinstance(report, pytest.TestReport) and report.when == "call":
            yield from (str(value) for name, value in report.user_properties if name == PROPERTY)
