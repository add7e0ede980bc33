"""A worker or a server that ends with whoever started it: `python -m tagstream.child_process worker|api`.

Its standard input is a pipe whose other end the starter holds. The kernel closes that end when the
starter dies, killed or not, and then nobody is there to work for: the embedded broker and storage lived in
the starter and took the offsets with them, so there is nothing to drain either.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Final

EXIT_ORPHANED: Final = 4
"""The exit code of a process whose starter is gone."""

WORKER: Final = "worker"
API: Final = "api"


def main() -> None:
    """Work, until a signal, a failure, or the end of standard input."""
    threading.Thread(target=_watch, name="starter", daemon=True).start()
    from tagstream.exit_errors import exit_on_errors

    _, kind = sys.argv
    with exit_on_errors():
        _program(kind)()


def _program(kind: str) -> Callable[[], None]:
    if kind == API:
        from tagstream.commands.serve import serve

        return serve
    from tagstream.commands.worker import worker

    return worker


def _watch() -> None:
    # Not through sys.stdin: its lock would be held by this thread when the interpreter ends.
    while os.read(0, 1):
        pass
    os._exit(EXIT_ORPHANED)


if __name__ == "__main__":
    main()
