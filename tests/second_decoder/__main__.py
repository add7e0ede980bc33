"""`python -m tests.second_decoder PATH ...`: our pixels beside libvips', file by file.

python -m tests.second_decoder tagstream/samples
python -m tests.second_decoder --json ~/Pictures | jq .apart
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tests.second_decoder.libvips import Agreement, Compared, Libvips

QUIET = frozenset({Agreement.SAME, Agreement.NEITHER})


def main() -> None:
    """Compare, and print what differs and how many did not; or a line of JSON a file."""
    parser = argparse.ArgumentParser(
        "python -m tests.second_decoder", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("paths", type=Path, nargs="+", help="files, or folders with all that is below")
    parser.add_argument("--json", action="store_true", help="a line of JSON for every file")
    asked = parser.parse_args()
    seen: Counter[Agreement] = Counter()
    for compared in _compared([file for path in asked.paths for file in _files(path)]):
        seen[compared.agreement] += 1
        if asked.json:
            sys.stdout.write(json.dumps(asdict(compared) | {"agreement": compared.agreement}) + "\n")
        elif compared.agreement not in QUIET:
            sys.stdout.write(f"{compared.agreement:24} {compared.name}  {_words(compared)}\n")
    if not asked.json:
        sys.stdout.write("".join(f"{count:6,} {agreement}\n" for agreement, count in seen.most_common()))


def _compared(files: list[Path]) -> Iterator[Compared]:
    with Libvips() as libvips:
        for file in track(files, "Comparing", console=Console(stderr=True)):
            yield libvips.compare(str(file), file.read_bytes())


def _files(path: Path) -> Iterator[Path]:
    return (each for each in sorted(path.rglob("*")) if each.is_file()) if path.is_dir() else iter([path])


def _words(compared: Compared) -> str:
    if compared.apart is not None:
        return f"{compared.apart:.1f} levels apart"
    return compared.ours or compared.theirs


if __name__ == "__main__":
    main()
