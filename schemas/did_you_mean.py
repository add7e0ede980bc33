"""Did you mean: the names nearest to one that nobody knows, in the words of all errors about names."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def did_you_mean(
    given: str, known: Collection[str], *, otherwise: str = "", common: str = "", most: int = 1
) -> str:
    """`; did you mean menu or menus?`, to be put behind what is wrong; `otherwise` where none is near.

    Names are compared in any case, and without the prefix `common`, which would make all of them look alike.
    """
    bare = {name.removeprefix(common).lower(): name for name in known}
    close = get_close_matches(given.lower().removeprefix(common.lower()), bare, n=most)
    if not close:
        return f"; {otherwise}" if otherwise else ""
    *others, last = (bare[each] for each in close)
    return f"; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
