"""versitygw: S3 over a folder, which announces what happens in its buckets on the uploads topic."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from deploy.stack.builds import gateway
from deploy.stack.credentials import Credentials
from deploy.stack.layout import HOST, Layout
from deploy.stack.service import Service

NAME: Final = "s3"
_HEALTH: Final = "/health"


def storage(layout: Layout, credentials: Credentials, *, topic: str) -> Service:
    """The gateway; its program is built unless it is there. The topic must be there before it starts.

    Raises:
        Missing: Go.
    """
    folder, ports = layout.of(NAME), layout.ports
    objects, metadata = _folder(folder / "objects"), _folder(folder / "metadata")
    command = (
        str(gateway(layout.cache)),
        *("--port", f"{HOST}:{ports.s3}", "--health", _HEALTH, "--quiet"),
        *("--event-kafka-url", f"{HOST}:{ports.kafka}", "--event-kafka-topic", topic),
        *("posix", "--sidecar", str(metadata), str(objects)),
    )
    keys = {"ROOT_ACCESS_KEY_ID": credentials.user, "ROOT_SECRET_ACCESS_KEY": credentials.s3_secret}
    return Service(NAME, folder, command, is_ready=lambda: _answers(ports.s3), environment=keys)


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
