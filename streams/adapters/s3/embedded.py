"""Embedded S3 endpoint: moto's server in a process of its own, with nothing kept on disk.

A process of its own, since the server is threaded Python and would take turns with the event loop.
It reads its standard input and ends when that closes, so it does not outlive whoever started it,
killed or not. It listens on loopback only and asks nothing of any network.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import Final, Self

from pydantic import SecretStr

from schemas.errors import Broken
from streams.adapters.s3.settings import S3Credentials

CREDENTIALS: Final = S3Credentials(
    access_key_id="embedded", secret_access_key=SecretStr("embedded-has-no-secrets")
)
"""The endpoint takes any; these are for clients that insist on some."""

STOP_SECONDS: Final = 5.0


class EmbeddedS3:
    """One empty S3 endpoint on a free loopback port, for as long as the `with` block runs."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None
        self.credentials = CREDENTIALS
        self.endpoint_url = ""
        """`http://127.0.0.1:port`, once entered."""

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._server.pid if self._server else None

    def __enter__(self) -> Self:
        argv = [sys.executable, "-m", "streams.adapters.s3.embedded"]
        server = subprocess.Popen(  # noqa: S603 - this very module, in this very interpreter
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(),
            # Ctrl-C is for whoever started us: work in flight still reads from here while it drains.
            start_new_session=True,
        )
        self._server = server
        self.endpoint_url = server.stdout.readline().strip() if server.stdout else ""
        if not self.endpoint_url:
            self.__exit__()
            raise Broken("the embedded S3 endpoint did not start; its own words are above")
        return self

    def __exit__(self, *_: object) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        try:
            server.communicate(timeout=STOP_SECONDS)  # closes its input
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def _environment() -> dict[str, str]:
    """The caller's, less what could make the server look for credentials anywhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key_id,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_access_key.get_secret_value(),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def serve() -> None:
    """Serve until standard input closes; say the address on standard output once it answers."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer  # noqa: PLC0415 - the child's alone

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    sys.stdout.write(f"http://{host}:{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # requests may hang in threads; nothing here is worth waiting for


if __name__ == "__main__":
    serve()
