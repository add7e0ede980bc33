"""Names of the databases that tests make over MongoDB's protocol, so that a run's can be dropped."""

from __future__ import annotations

import os
from typing import Final
from uuid import uuid4

VARIABLE: Final = "TEST_DATABASES"
"""What the names of a run begin with, where the server is not the tests' own."""


def own_database() -> str:
    """A name that nobody else has."""
    return f"{os.environ.get(VARIABLE, 'test')}-{uuid4().hex[:12]}"
