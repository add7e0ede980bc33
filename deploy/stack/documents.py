"""A server of MongoDB's wire protocol, over a file."""

from __future__ import annotations

from typing import Final

from deploy.stack.builds import JAVA, SOURCES, jars
from deploy.stack.layout import Layout, listens
from deploy.stack.service import Service

NAME: Final = "mongo"
PROGRAM: Final = SOURCES / "mongo" / "MongoWireServer.java"


def documents(layout: Layout) -> Service:
    """The server; its libraries are fetched unless they are there.

    Raises:
        Missing: Java or Maven.
    """
    libraries, port, folder = jars(NAME, layout.cache), layout.ports.mongo, layout.of(NAME)
    command = (*JAVA, "-cp", f"{libraries}/*", str(PROGRAM), str(port), str(folder / "data"), "--stay")
    return Service(NAME, folder, command, is_ready=lambda: listens(port))
