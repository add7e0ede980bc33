"""Document store service: a server of MongoDB's wire protocol, over a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.stack.builds import JAVA, classes, jars
from deploy.stack.layout import Layout, listens
from deploy.stack.service import Service, Start

NAME: Final = "mongo"
_PROGRAM: Final = "MongoWireServer"
_HEAP: Final = "-Xmx512m"
"""Its secondary indexes are in memory: with 256 MB the collector was busy at 100,000 images."""
_FILE: Final = "documents"
"""What earlier versions kept is in another, `data`, which this server cannot read."""


def server(cache: Path, *arguments: str) -> tuple[str, ...]:
    """The command that runs the server; raises `Missing`."""
    where = f"{classes(NAME, cache)}:{jars(NAME, cache)}/*"
    return (*JAVA, _HEAP, "-cp", where, _PROGRAM, *arguments)


def documents(layout: Layout) -> Service:
    """The server, with its file in its folder."""
    port, folder = layout.ports.mongo, layout.of(NAME)

    def start() -> Start:
        return Start(server(layout.cache, str(port), str(folder / _FILE), "--stay"))

    return Service(NAME, folder, start, is_ready=lambda: listens(port))
