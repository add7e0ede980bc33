#!/usr/bin/env python3
"""Exit 0 when this container's worker answers a path with 200, else 1: what Docker's health check runs.

The standard library alone, and no `urllib`: a proxy in the environment must not come between.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT = 4.0
"""Seconds; below the timeout of the health checks that run this."""


def main() -> None:
    """Ask for the path given as the only argument."""
    _, path = sys.argv
    port = os.environ.get("TAGSTREAM_METRICS__PORT")
    if port is None:
        sys.exit("TAGSTREAM_METRICS__PORT is not set: the worker says nothing about its health")
    connection = HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        sys.exit(f"{path}: {error}")
    if answer.status != 200:  # noqa: PLR2004 - OK
        sys.exit(f"{path}: {answer.status} {said}")


if __name__ == "__main__":
    main()
