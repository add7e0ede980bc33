"""`python -m tests.cases FOLDER`: its payloads through a real worker; exits 1 where one is not right."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import textwrap
from pathlib import Path

from tests.cases.steps import Case, Line, cases

AT_ONCE = 2
WIDTH = 96


def main() -> int:
    """Play the cases, and print the table line by line."""
    parser = argparse.ArgumentParser("python -m tests.cases", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="cases of files that begin so")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    wrong = asyncio.run(_played(asked.folder, asked.only))
    sys.stdout.write(f"\n{wrong} not right\n" if wrong else "\nall right\n")
    return 1 if wrong else 0


async def _played(folder: Path, beginning: str) -> int:
    wanted = [case for case in cases(folder) if any(file.startswith(beginning) for file in case.files)]
    turns = asyncio.Semaphore(AT_ONCE)
    playing = [asyncio.create_task(_taken(case, folder, turns)) for case in wanted]
    wrong = 0
    for lines in playing:
        for line in await lines:
            wrong += not line.is_ok
            _tell(line)
    return wrong


async def _taken(case: Case, folder: Path, turns: asyncio.Semaphore) -> list[Line]:
    async with turns:
        return await case.lines(folder)


def _tell(line: Line) -> None:
    gave = textwrap.shorten(line.gave.encode("ascii", "backslashreplace").decode(), WIDTH, placeholder=" ...")
    mark = "ok    " if line.is_ok else "WRONG "
    sys.stdout.write(f"{mark} {line.file:48} {gave}\n{'':7}{'right: ' + line.right:>{48}}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
