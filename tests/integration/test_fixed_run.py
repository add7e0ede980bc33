"""The golden run: every document, event, event id and letter of one fixed run is what it was.

What is expected stands in `tests/fixed_run/expected.json`. Whoever means to change it writes it anew with
`python -m tests.fixed_run --write`, and the review sees by its difference what consumers would see.
"""

import pytest

from tests.fixed_run.differences import report
from tests.fixed_run.expected import SECTIONS, compared


@pytest.mark.parametrize("section", SECTIONS)
async def test_a_fixed_run_gives_what_it_gave(section: str) -> None:
    found = await compared(section)
    assert not found, report(found)
