"""Every hostile file ends as pixels or as a refusal with its cause, within its bounds of memory and time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.hostile.builders import jpeg, seed, segment
from tests.hostile.case import ANY, PIXELS, Case, case
from tests.hostile.corpus import corpus
from tests.hostile.metadata import blocks
from tests.hostile.sandbox import Outcome, Sandbox, faults

BATCHES: Final = 64
"""Of some 32 files each, the dear ones spread over all of them. Only a test that runs builds the corpus."""


def decoded(sandbox: Sandbox, hostile: Case) -> Iterator[str]:
    """What is wrong with how one file ended, with its name."""
    try:
        data = hostile.build()
        outcome = sandbox.decode(data, hostile)
    except BaseException as error:
        error.add_note(f"at {hostile.name}")
        raise
    for fault in faults(outcome, hostile, len(data)):
        yield f"[{hostile.name}] {fault}"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_hostile_files_end_as_they_may_and_within_their_bounds(sandbox: Sandbox, batch: int) -> None:
    wrong = [fault for hostile in corpus()[batch::BATCHES] for fault in decoded(sandbox, hostile)]
    assert not wrong, "\n".join(["", *wrong])


def test_the_corpus_is_not_empty() -> None:
    """Else the batches would hold nothing."""
    assert len(corpus()) > 30 * BATCHES


def test_odd_exif_costs_no_photograph_where_warnings_are_errors() -> None:
    with Sandbox("-W", "error") as strict:
        for name, block in blocks().items():
            odd = case(name, lambda block=block: jpeg(segment(0xE1, b"Exif\0\0" + block)), PIXELS)  # type: ignore[misc]
            assert strict.decode(odd.build(), odd).ending == PIXELS, name


def test_the_same_bytes_are_the_same_pixels_in_every_process(sandbox: Sandbox) -> None:
    with Sandbox() as other:
        for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIC"):
            plain = case(kind, lambda kind=kind: seed(kind), PIXELS)  # type: ignore[misc]
            one, again = (each.decode(plain.build(), plain).digest for each in (sandbox, other))
            assert one == again != ""


SPIN = "import signal, os; os.kill(os.getpid(), signal.{})"


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGPROF"])
def test_a_death_of_the_process_is_told_as_the_signal_it_died_of(name: str) -> None:
    loose = case(name, bytes, *ANY)
    with Sandbox("-c", SPIN.format(name)) as dying:
        outcome = dying.decode(b"", loose)
    assert outcome.ending == name
    assert faults(outcome, loose, 0) == [f"ended as {name}: "]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome("MemoryError"), "ended as"),
        (Outcome("pixels"), "pixels of"),
        (Outcome("undecodable", ""), "a message"),
        (Outcome("undecodable", "two\nlines"), "a message"),
        (Outcome("undecodable", "x" * 501), "a message"),
        (Outcome("undecodable", "x", warnings=("odd",)), "warned"),
        (Outcome("undecodable", "x", memory=10**9), "bytes, the bound"),
        (Outcome("undecodable", "x", seconds=99), "s, the bound"),
    ],
)
def test_each_fault_is_seen(outcome: Outcome, said: str) -> None:
    (fault,) = faults(outcome, case("any", bytes, *ANY), 0)
    assert said in fault
