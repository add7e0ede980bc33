"""Listening on a host and a port: where that is, as a URL, and which setting is wrong where it cannot be."""

from __future__ import annotations

import errno

from schemas.errors import ConfigurationError


def refused(error: OSError, section: str, host: str, port: int) -> ConfigurationError:
    """What to say of an address of the settings' `section` (`TAGSTREAM_API`) that nobody can listen on."""
    which = "PORT" if error.errno in {errno.EADDRINUSE, errno.EACCES} else "HOST"
    return ConfigurationError(
        f"{section}__{which}: cannot listen on {host}:{port}: {error.strerror or error}"
    )


def url(host: str, port: int) -> str:
    """Where it listens."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
