"""A worker process that ends with whoever started it: `python -m tagstream.worker_process`.

Its standard input is a pipe whose other end the starter holds. The kernel closes that end when the
starter dies, killed or not, and then nobody is there to work for: the embedded broker lived in the
starter and took the offsets with it, so there is nothing to drain either.
"""

from __future__ import annotations

import os
import threading
from typing import Final

EXIT_ORPHANED: Final = 4
"""The exit code of a worker whose starter is gone."""


def main() -> None:
    """Work, until a signal, a failure, or the end of standard input."""
    threading.Thread(target=_watch, name="starter", daemon=True).start()
    from tagstream.commands.worker import worker
    from tagstream.exit_errors import exit_on_errors

    with exit_on_errors():
        worker()


def _watch() -> None:
    # Not through sys.stdin: its lock would be held by this thread when the interpreter ends.
    while os.read(0, 1):
        pass
    os._exit(EXIT_ORPHANED)


if __name__ == "__main__":
    main()
