"""Document store service: a server of MongoDB's wire protocol, over a file."""

from __future__ import annotations

from typing import Final

from deploy.stack.builds import JAVA, SOURCES, jars
from deploy.stack.layout import Layout, listens
from deploy.stack.service import Service, Start

NAME: Final = "mongo"
PROGRAM: Final = SOURCES / "mongo" / "MongoWireServer.java"


def documents(layout: Layout) -> Service:
    """The server, with its file in its folder."""
    port, folder = layout.ports.mongo, layout.of(NAME)

    def start() -> Start:
        libraries = jars(NAME, layout.cache)
        arguments = (str(PROGRAM), str(port), str(folder / "data"), "--stay")
        return Start((*JAVA, "-cp", f"{libraries}/*", *arguments))

    return Service(NAME, folder, start, is_ready=lambda: listens(port))
