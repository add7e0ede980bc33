"""Label check: whether the serving model has a label that somebody names, with the nearest ones if not."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from schemas.did_you_mean import did_you_mean
from schemas.errors import TagstreamError


class UnknownLabel(TagstreamError):
    """The model has no such label."""


def require_known(labels: Iterable[str], known: Collection[str]) -> None:
    """Raise `UnknownLabel` for the first of `labels` that is not among `known`."""
    for label in labels:
        if label not in known:
            hint = did_you_mean(label, known, otherwise=f"there are {', '.join(sorted(known))}", most=3)
            raise UnknownLabel(f"there is no label {label!r}{hint}")
