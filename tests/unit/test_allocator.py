"""What the C allocator keeps of large blocks that were freed between small ones that stay."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path
from model.serving import allocator
{begin}
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
del [bytearray(8 * 2**20)][0]  # by default a block that is freed raises what counts as large
before = resident()
pairs = [(bytearray(2**20), bytearray(4096)) for _ in range(100)]
small = [each for _, each in pairs]
del pairs
print(resident() - before)
"""


def kept(begin: str) -> int:
    """Bytes that stay with a process of 100 MiB in large blocks, all freed, and 400 KiB that are not."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(begin=begin)], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are told nothing")
def test_large_blocks_that_lie_between_small_ones_go_back_when_they_are_freed() -> None:
    assert kept("allocator.hold_little()") < 10 * 2**20 < 50 * 2**20 < kept("")
