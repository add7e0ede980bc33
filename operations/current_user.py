"""The current user, who decides and promotes."""

from __future__ import annotations

import getpass


def current_user() -> str:
    """The user's name, or `unknown` where the system has none (a container's bare user id)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
