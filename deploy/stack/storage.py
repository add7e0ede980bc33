"""Storage service: versitygw, S3 over a folder, which announces its buckets' events on the uploads topic."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from deploy.stack.builds import gateway
from deploy.stack.credentials import Credentials
from deploy.stack.layout import HOST, Layout
from deploy.stack.service import Service, Start

NAME: Final = "s3"
_HEALTH: Final = "/health"


def storage(layout: Layout, credentials: Callable[[], Credentials], *, topic: str) -> Service:
    """The gateway. The topic must be there before it starts."""
    port = layout.ports.s3
    return Service(
        NAME,
        layout.of(NAME),
        lambda: _start(layout, credentials(), topic),
        is_ready=lambda: _answers(port),
    )


def _start(layout: Layout, credentials: Credentials, topic: str) -> Start:
    folder, ports = layout.of(NAME), layout.ports
    objects, metadata = _folder(folder / "objects"), _folder(folder / "metadata")
    command = (
        str(gateway(layout.cache)),
        *("--port", f"{HOST}:{ports.s3}", "--health", _HEALTH, "--quiet"),
        "--keep-alive",  # as S3 does: by itself it closes each connection behind its answer
        *("--event-kafka-url", f"{HOST}:{ports.kafka}", "--event-kafka-topic", topic),
        *("posix", "--sidecar", str(metadata), str(objects)),
    )
    keys = {"ROOT_ACCESS_KEY_ID": credentials.user, "ROOT_SECRET_ACCESS_KEY": credentials.s3_secret}
    return Start(command, keys)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _answers(port: int) -> bool:
    connection = HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", _HEALTH)
        return connection.getresponse().status == 200  # noqa: PLR2004 - OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
