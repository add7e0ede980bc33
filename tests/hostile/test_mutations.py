"""Whatever is changed in a file, what comes out is pixels or a refusal, the same one every time."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.builders import SEEDS, seed
from tests.hostile.case import ANY, case
from tests.hostile.sandbox import Sandbox, faults

MUTATED = case("mutated", bytes, *ANY, pixels=89_000_000)
"""A length that was made larger may make a picture as large as the cap."""

MAGICS = [seed(kind)[:length] for kind in SEEDS for length in (4, 12, 16, 30)]
LENGTHS = st.sampled_from([0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]) | st.integers(
    0, 2**16
)

deterministic = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def ends_well(sandbox: Sandbox, data: bytes) -> None:
    first, again = (sandbox.decode(data, MUTATED) for _ in range(2))
    assert faults(first, MUTATED, len(data)) == []
    assert (first.ending, first.digest) == (again.ending, again.digest)


@st.composite
def mutations(draw: st.DrawFn, kind: str) -> bytes:
    """A whole file after one to five changes: bytes, lengths, pieces moved, doubled, cut out, or foreign."""
    data = bytearray(seed(kind))
    for _ in range(draw(st.integers(1, 5))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        end = min(end, start + draw(st.integers(0, 64)))
        match draw(st.sampled_from(["bytes", "length", "swap", "double", "cut", "splice"])):
            case "bytes":
                data[start:end] = draw(st.binary(min_size=end - start, max_size=end - start))
            case "length":
                form = draw(st.sampled_from([">H", "<H", ">I", "<I"]))
                data[start : start + 4] = pack(form, draw(LENGTHS) & (0xFFFF if "H" in form else 0xFFFFFFFF))
            case "swap":
                data = data[end:] + data[:start] + data[start:end]
            case "double":
                data[end:end] = data[start:end]
            case "cut":
                del data[start:end]
            case _:
                data[start:] = seed(draw(st.sampled_from(SEEDS)))[start:]
    return bytes(data)


@pytest.mark.parametrize("kind", SEEDS)
@deterministic
@given(st.data())
def test_a_mutated_file_ends_well(sandbox: Sandbox, kind: str, data: st.DataObject) -> None:
    ends_well(sandbox, data.draw(mutations(kind)))


@deterministic
@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=2_000))
def test_noise_behind_the_first_bytes_of_a_format_ends_well(
    sandbox: Sandbox, magic: bytes, rest: bytes
) -> None:
    ends_well(sandbox, magic + rest)
