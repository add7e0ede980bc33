"""`python -m tests.image_cases FOLDER`: what is right of each image file, and what came; 1 where they differ.

The pixels are those of `Preprocess`, the scores those of `tagstream classify`, run as a user would. The table
knows files by name (`KNOWN`); one that it does not know is printed as such and counts as wrong.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from model.preprocess import Pixels, Preprocess
from schemas.errors import Rejected
from tests.image_cases import rights
from tests.image_cases.rights import Decoded, Right

SAMPLE: Final = Path("tagstream/samples/coffee.jpg")
OTHERS: Final = frozenset({".md", ".py"})

PHOTOGRAPH: Final = rights.picture("the photograph", rights.photograph(SAMPLE))
DAMAGED: Final = rights.refused("undecodable")
WHITE_LEFT: Final = "its left half white"

KNOWN: Final[tuple[tuple[str, Right], ...]] = (
    ("01-", PHOTOGRAPH),
    ("02-", PHOTOGRAPH),
    ("03-", PHOTOGRAPH),
    ("04-", DAMAGED),
    ("05-", rights.picture("the photograph, an even grey", rights.even((121, 121, 121)))),
    ("06-", PHOTOGRAPH),
    ("07-png-grey-", rights.picture(WHITE_LEFT, rights.half_white(SAMPLE, is_grey=True))),
    ("07-png-rgb-", rights.picture(WHITE_LEFT, rights.half_white(SAMPLE, is_grey=False))),
    ("08-png-gama-", PHOTOGRAPH),
    ("09-avif-clap-", rights.picture("what its clap leaves", rights.clean_aperture)),
    ("11-avif-pq-", rights.scored_like("11-avif-the-same-in-sdr.avif")),
    ("11-avif-the-same-in-sdr", rights.tagged()),
)
"""How a name begins, and what is right of it."""


def main() -> int:
    """Decode every file, and print the table line by line."""
    parser = argparse.ArgumentParser("python -m tests.image_cases", description=__doc__)
    parser.add_argument("folder", type=Path)
    files = sorted(each for each in parser.parse_args().folder.iterdir() if each.suffix not in OTHERS)
    wrong = sum(not _tell(name, seen) for name, seen in _decoded(files))
    sys.stdout.write(f"\n{wrong} not right\n" if wrong else f"\nall {len(files)} right\n")
    return 1 if wrong else 0


def _decoded(files: list[Path]) -> Iterator[tuple[str, Decoded]]:
    answers = _classified(files)
    scores = {name: _scores(answer) for name, answer in answers.items()}
    for file in files:
        data, error = file.read_bytes(), answers[file.name].get("error")
        said = f"{error['code']}: {error['message']}" if error else ""
        yield file.name, Decoded(data, _pixels(data), said, scores[file.name], scores)


def _classified(files: list[Path]) -> Mapping[str, Mapping[str, Any]]:
    command = [sys.executable, "-m", "tagstream", "classify", "--json", *map(str, files)]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # it exits 1 where a file is refused
    answers = map(json.loads, run.stdout.decode().splitlines())
    return {Path(answer["path"]).name: answer for answer in answers}


def _scores(answer: Mapping[str, Any]) -> dict[str, float]:
    return {tag["label"]: tag["probability"] for tag in answer.get("tags", ())}


def _pixels(data: bytes) -> Pixels | None:
    try:
        return Preprocess(size=rights.SIDE).decode(data)
    except Rejected:
        return None


def _tell(name: str, seen: Decoded) -> bool:
    right = next((right for beginning, right in KNOWN if name.startswith(beginning)), None)
    is_right = right is not None and right.holds(seen)
    words, got = (right.words, right.got(seen)) if right else ("not known here", seen.refusal or "pixels")
    sys.stdout.write(f"{'ok   ' if is_right else 'WRONG'} {name:52} right: {words:34} got: {got}\n")
    return is_right


if __name__ == "__main__":
    sys.exit(main())
