"""Memory head-room: whether another version fits beside those that are resident."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BASE: Final = 256 * 2**20
"""Bytes that loading and warming a version take at their peak, whatever its weights are."""

A_WEIGHT: Final = 8
"""Bytes more for each byte of stored weights. Both measured: 290 MB for the packaged 10 MB on a processor."""

_CGROUPS: Final = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
"""A container's limit and what it uses, by the second and by the first interface of the kernel."""


def needed(weights: int) -> int:
    """Bytes that a version takes at most while it is loaded, by those of its weights file."""
    return BASE + A_WEIGHT * weights


def free(device: str) -> int | None:
    """Bytes that are free for one on `device`; None where nobody says."""
    if device.startswith("cuda"):
        import torch  # noqa: PLC0415 - a worker on a processor has none

        left: int = torch.cuda.mem_get_info(device)[0]
        return left
    known = [each for each in (_available(), *map(_of_container, _CGROUPS)) if each is not None]
    return min(known, default=None)


def _available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # no Linux
        return None
    kibibytes = (int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return next((1024 * each for each in kibibytes), None)


def _of_container(files: tuple[Path, Path]) -> int | None:
    try:
        limit, used = (each.read_text(encoding="ascii").strip() for each in files)
    except OSError:
        return None
    return None if limit == "max" else int(limit) - int(used)
