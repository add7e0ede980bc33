"""Counts: a file of more pieces than any photograph has, refused before each piece costs something."""

from __future__ import annotations

from schemas.errors import Undecodable


def too_many(what: str, cap: int) -> Undecodable:
    """The refusal of a file with more than `cap` of `what`."""
    return Undecodable(f"more than {cap:,} {what}: no photograph has as many")


def hold(what: str, count: int, cap: int) -> None:
    """Raise it where there are more."""
    if count > cap:
        raise too_many(what, cap)
