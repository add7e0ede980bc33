"""`python -m model.pipeline.server PORT FOLDER`: Luigi's server on loopback, until its input ends.

As `luigid --address 127.0.0.1 --port PORT`, but it never outlives the command that started it, even one
that is killed.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path

from model.pipeline.engine import luigi
from model.pipeline.visualiser import HOST


def main(port: int, place: Path) -> None:
    """Serve. What the server knows is never read from a file: Luigi keeps such as a pickle."""
    from luigi import server  # noqa: PLC0415 - tornado: for this process alone

    config = luigi.configuration.get_config()  # type: ignore[no-untyped-call]
    config.set("scheduler", "state_path", str(place / "state"))
    threading.Thread(target=_end_with_the_input, args=(place,), daemon=True).start()
    server.run(api_port=port, address=HOST)  # type: ignore[no-untyped-call]


def _end_with_the_input(place: Path) -> None:
    sys.stdin.buffer.read()
    shutil.rmtree(place, ignore_errors=True)  # whoever made it was killed
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
