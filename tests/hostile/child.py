"""Decodes what comes in on standard input, under the limits that come with it, and says how each file ended.

Each request is a line of JSON (`length`, `seconds`, `memory`) and the file; each answer is a line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import IO, Any

from model.preprocess import Preprocess
from schemas.errors import Rejected

PREPROCESS = Preprocess(size=64)
HEADROOM = 512 * 2**20
"""Addresses that are reserved and never touched: heaps and stacks of threads, canvases of zeros."""


def main(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the input ends."""
    for line in requests:
        request = json.loads(line)
        answer = measured(requests.read(request["length"]), request)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def measured(data: bytes, limits: dict[str, int]) -> dict[str, Any]:
    """How `data` ended, the processor's seconds and the bytes of memory that it took."""
    Path("/proc/self/clear_refs").write_text("5")
    held, spent = _status("VmRSS"), _seconds()
    signal.setitimer(signal.ITIMER_PROF, 1 + limits["seconds"])
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + limits["memory"] + HEADROOM, -1))
    with warnings.catch_warnings(record=True) as warned:
        answer = _ending(data)
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    signal.setitimer(signal.ITIMER_PROF, 0)
    cost = {"seconds": _seconds() - spent, "memory": _status("VmHWM") - held}
    return answer | cost | {"warnings": [str(each.message) for each in warned]}


def _ending(data: bytes) -> dict[str, Any]:
    try:
        pixels = PREPROCESS.decode(data)
    except Rejected as error:
        return {"ending": error.code, "message": str(error)}
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what the test is about
        return {"ending": type(error).__name__, "message": str(error)}
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    kind = [str(pixels.dtype), *pixels.shape, bool(pixels.flags.c_contiguous)]
    return {"ending": "pixels", "message": "", "digest": digest, "kind": kind}


def _seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _status(field: str) -> int:
    """A field of the process's own status, in bytes."""
    return int(Path("/proc/self/status").read_text().split(f"{field}:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
