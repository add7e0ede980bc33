"""Label Studio reader: the choices of an exported project (JSON and JSON-MIN) as rows.

Of several people who looked at a picture, all must have chosen a label for it to hold; where only some have,
it is a maybe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from model.data import labels
from model.data.columns import MAYBE, PATH, REMOTE, YES, Record
from model.data.labels import SEPARATOR
from schemas.errors import ConfigurationError

UPLOADED: Final = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that was uploaded to it."""


def records(tasks: Iterable[Any], file: Path) -> Iterator[Record]:
    """A row a task; one that nobody has annotated says nothing. Raises `ConfigurationError`."""
    for number, task in enumerate(tasks, start=1):
        where = f"{file}, task {task.get('id', number) if isinstance(task, dict) else number}"
        if not isinstance(task, dict):
            raise ConfigurationError(f"{where}: not a JSON object")
        data = task.get("data")
        address = (data if isinstance(data, dict) else task).get("image")
        if not isinstance(address, str):
            raise ConfigurationError(f"{where}: no address under `image` or `data.image`")
        try:
            said = list(_said(task))
        except (AttributeError, TypeError) as error:
            raise ConfigurationError(f"{where}: not as Label Studio exports it ({error})") from error
        cells = {PATH: _path(address, file.parent), "source": "", "split": ""}
        yield (cells | _agreed(said, where) if said else cells), where


def _said(task: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What each annotation chose; of JSON-MIN there is one."""
    if not isinstance(task.get("data"), dict):
        minimal = [value for name, value in task.items() if name == "choice" or _choices(value)]
        if minimal:
            yield tuple(label for value in minimal for label in _choices(value) or (str(value),))
        return
    for annotation in task.get("annotations") or task.get("completions") or ():
        if not annotation.get("was_cancelled"):
            results = [each for each in annotation.get("result", ()) if each.get("type") == "choices"]
            if results or not annotation.get("result"):
                yield tuple(label for each in results for label in _choices(each.get("value")))


def _choices(value: object) -> tuple[str, ...]:
    chosen = value.get("choices") if isinstance(value, dict) else None
    return tuple(map(str, chosen)) if isinstance(chosen, list) else ()


def _agreed(said: list[tuple[str, ...]], where: str) -> dict[str, str]:
    every = dict.fromkeys(labels.checked(label, where=where) for one in said for label in one)
    chosen = [{label.strip() for label in one} for one in said]
    held = [label for label in every if all(label in one for one in chosen)]
    return {
        YES: SEPARATOR.join(held),
        MAYBE: SEPARATOR.join(label for label in every if label not in held),
    }


def _path(address: str, folder: Path) -> str:
    """Where the file lies: Label Studio names it as its own server does."""
    if address.startswith(REMOTE):
        return address
    parts = urlsplit(address)
    local = parts.path if parts.scheme in {"http", "https", "file"} else address.partition("?")[0]
    asked = parts.query.removeprefix("d=") if local.endswith("/local-files/") else ""
    place = unquote(asked or local).removeprefix("/data/upload/")
    name = place.rpartition("/")[2]
    names = (place, place.lstrip("/"), f"images/{name}", name)
    tries = (*names, *(f"images/{bare}" for bare in (UPLOADED.sub("", name),)), UPLOADED.sub("", name))
    return next((each for each in tries if (folder / each).is_file()), place.lstrip("/"))
