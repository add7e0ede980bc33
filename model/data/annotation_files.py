"""JSON annotation files: which program wrote one, and its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.data import coco, label_studio
from model.data.columns import Record
from schemas.errors import ConfigurationError


def records(file: Path) -> Iterator[Record]:
    """A row a photograph; raises `ConfigurationError` for what no known program wrote."""
    document = _document(file)
    if isinstance(document, dict) and {"images", "annotations", "categories"} <= document.keys():
        return coco.records(document, file)
    if isinstance(document, list) and document:
        return label_studio.records(document, file)
    found = ", ".join(sorted(map(repr, document))) if isinstance(document, dict) else "no task"
    raise ConfigurationError(
        f"{file}: found {found or 'nothing'}; expected COCO's images, annotations and categories, or a list"
        " of Label Studio's tasks"
    )


def _document(file: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{file}: not JSON ({error})") from error
