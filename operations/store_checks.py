"""Checks of the store: it is there and whole, has its indexes, and no erasure was left half done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agents.wiring.settings import Settings
from agents.wiring.stores import open_mongo, open_store
from operations.unwell import Unwell
from schemas.errors import Broken, ConfigurationError
from streams.adapters.sqlite.store import MEND
from streams.ports import ScoreStore

if TYPE_CHECKING:
    from streams.adapters.mongo.index_states import FoundIndex


async def sqlite(config: Settings) -> str:
    """What the file holds; nothing is made of it where it is not there. Raises `Unwell`."""
    path = config.store.path
    if not path.is_file():  # opening it would make it
        folder = path.absolute().parent
        if not folder.is_dir():
            raise Unwell(f"{folder} is not a folder", "make it, or set TAGSTREAM_STORE__PATH")
        return f"SQLite at {path}: not there yet, the first worker makes it"
    try:
        async with open_store(config.store) as store:
            await store.ping()
            found = await store.scan(limit=1000)
            await _require_finished(store)
    except (Broken, ConfigurationError) as error:
        if MEND in str(error):
            raise Unwell(str(error).partition(f"; {MEND}")[0], MEND) from error
        raise
    many = "1,000 images or more" if len(found) == 1000 else f"{len(found)} images"  # noqa: PLR2004 - the limit
    return f"SQLite at {path} reads, {many}"


async def mongo(config: Settings) -> str:
    """Whether it answers and has its indexes. Raises `Unwell`."""
    async with open_mongo(config.store) as store:
        await store.ping()
        said = _all_there(await store.indexes())
        await _require_finished(store)
    return f"MongoDB answers, database {config.store.database}, {said}"


def _all_there(found: Sequence[FoundIndex]) -> str:
    """How many are there, and how many too many. Raises `Unwell` where a query is not carried."""
    from streams.adapters.mongo.index_states import IndexState  # noqa: PLC0415 - its driver

    standings = Counter(each.standing for each in found)
    unmet = {IndexState.MISSING, IndexState.DIFFERS}
    wrong = [each for each in found if each.standing in unmet and not each.index.is_for_people]
    if wrong:
        named = ", ".join(f"{each.index.collection}.{each.index.name} ({each.standing})" for each in wrong)
        differs = standings[IndexState.DIFFERS]
        mend = "`tagstream store apply` makes those that are missing"
        raise Unwell(
            f"indexes: {named}", f"{mend}, `tagstream store show` tells of the others" if differs else mend
        )
    retired = standings[IndexState.RETIRED]
    beside = f", {retired} not needed any more (`tagstream store show`)" if retired else ""
    return f"{standings[IndexState.THERE]} indexes are there{beside}"


async def _require_finished(store: ScoreStore) -> None:
    """Of an erasure that was killed consumers have not heard."""
    if half := await store.unfinished_erasures():
        image = half[0].image_id
        raise Unwell(
            f"erasures that consumers have not heard of: {len(half)}, {image} among them",
            f"run what was broken off again, or `tagstream erase {image}`, unless it is under way",
        )
