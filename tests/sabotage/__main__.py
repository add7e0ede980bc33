"""`python -m tests.sabotage [ROW ...]`: 0 if every break turned its tests red, else 1; 2 for misuse."""

from __future__ import annotations

import argparse
import json
import sys

from tests.sabotage import rows, run
from tests.sabotage.run import Ending, Result

EXAMPLES = """
examples:
  make sabotage                                            all rows but the slow ones
  python -m tests.sabotage --list                          what there is
  python -m tests.sabotage telling-stops-early             one row
  python -m tests.sabotage --slow --json | jq '.[] | select(.ending != "red")'
"""


def main() -> int:
    """Break, test, and say what came of it."""
    asked = _arguments().parse_args()
    every = rows.read()
    if asked.list:
        sys.stdout.writelines(f"{row.name:44} {row.file}{' (slow)' if row.slow else ''}\n" for row in every)
        return 0
    try:
        chosen = run.chosen(every, asked.rows, slow=asked.slow)
    except LookupError as error:
        sys.stderr.write(f"sabotage: {error.args[0]}\n")
        return 2
    results = []
    with run.copied() as tree:
        for number, row in enumerate(chosen, 1):
            sys.stderr.write(f"{number}/{len(chosen)} {row.name} ... ")
            sys.stderr.flush()
            results.append(run.tried(row, tree))
            sys.stderr.write(f"{_said(results[-1])}\n")
    bad = [result for result in results if result.ending is not Ending.RED]
    if asked.json:
        sys.stdout.write(json.dumps([result.document() for result in results], indent=1) + "\n")
    else:
        sys.stdout.write(f"{len(results) - len(bad)} of {len(results)} breaks turned their tests red\n")
    return 1 if bad else 0


def _said(result: Result) -> str:
    detail = {Ending.RED: f"{len(result.failed)} failed", Ending.GREEN: ", ".join(result.green)}
    return f"{result.ending} ({detail.get(result.ending, result.why)}; {result.seconds:.0f} s)"


def _arguments() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m tests.sabotage", description=__doc__, epilog=EXAMPLES, formatter_class=raw
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="its name; all that are not slow where absent")
    parser.add_argument("--slow", action="store_true", help="the slow ones too")
    parser.add_argument("--list", action="store_true", help="name the rows, and break nothing")
    parser.add_argument("--json", action="store_true", help="one document on standard output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
