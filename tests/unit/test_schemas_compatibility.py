"""A change to an event must not break what is stored, nor whoever reads the topics."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import BaseModel

from schemas import wire
from schemas.contract import examples, published
from schemas.contract.compatibility import breaks
from schemas.records import ImageHead, ScoreRecord

CORPUS: Final = Path(__file__).parents[1] / "corpus"
STORED: Final = sorted((CORPUS / "stored" / "v1").glob("*.json"))
SCHEMAS: Final = sorted((CORPUS / "schemas" / "v1").glob("*.json"))
KEPT: Final[tuple[type[BaseModel], ...]] = (*published.EVENTS, ImageHead, ScoreRecord)
MODELS: Final = {model.__name__: model for model in KEPT}

OLD: Final[dict[str, Any]] = {
    "$defs": {"Place": {"type": "object", "properties": {"key": {"type": "string", "maxLength": 9}}}},
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "count": {"type": "integer", "minimum": 0},
        "action": {"enum": ["added", "removed"], "type": "string"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "place": {"$ref": "#/$defs/Place"},
        "tags": {"type": "array", "items": {"type": "object", "properties": {"label": {"type": "string"}}}},
        "facts": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def changed(*path: str, to: object) -> dict[str, Any]:
    """`OLD` with another value at `path`; None takes it away."""
    new = json.loads(json.dumps(OLD))
    holder = new
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = to
    if to is None:
        del holder[path[-1]]
    return dict(new)


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_what_an_earlier_version_wrote_is_read_and_nothing_of_it_is_lost(path: Path) -> None:
    written = json.loads(path.read_text())
    read = MODELS[path.name.partition(".")[0]].model_validate_json(path.read_bytes())
    assert _within(written, json.loads(read.model_dump_json()))


def _within(written: Any, read: Any) -> bool:
    """Whether everything that was `written` is in what was `read`."""
    if isinstance(written, dict):
        return all(name in read and _within(value, read[name]) for name, value in written.items())
    if isinstance(written, list):
        return len(written) == len(read) and all(map(_within, written, read))
    return bool(written == read)


@pytest.mark.parametrize("path", [each for each in STORED if each.name.startswith("ImageUploaded")])
def test_an_upload_that_an_earlier_version_published_can_be_replayed(path: Path) -> None:
    (record,) = wire.decode(path.read_bytes(), {})
    assert isinstance(record, wire.Uploaded)


def test_a_head_of_the_first_version_has_its_claim_and_counts_as_announced() -> None:
    raw = (CORPUS / "stored" / "v1" / "ImageHead.0-1-0-announced.json").read_bytes()
    head = ImageHead.model_validate_json(raw)
    assert head.all_claims.current.position == head.position
    assert head.is_announced


def test_every_event_and_every_record_has_something_stored() -> None:
    kept = {path.name.partition(".")[0] for path in STORED}
    assert kept == MODELS.keys() - {"S3Notification"}
    assert kept == {path.stem for path in SCHEMAS}


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_no_event_has_changed_so_that_it_breaks_what_stands(path: Path) -> None:
    model = MODELS[path.stem]
    now = published.json_schema(model) if model in examples.EXAMPLES else model.model_json_schema()
    assert breaks(json.loads(path.read_text()), now) == ()


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (changed("properties", "note", to=None), "event.note: removed"),
        (changed("$defs", "Place", "properties", to={}), "event.place.key: removed"),
        (changed("required", to=["id", "count"]), "event.count: newly required"),
        (changed("properties", "count", "type", to="string"), "event.count: integer became string"),
        (changed("properties", "note", to={"type": "string"}), "event.note: null became string"),
        (changed("properties", "id", "minLength", to=2), "event.id: minLength 1 became 2"),
        (changed("properties", "id", "maxLength", to=9), "event.id: maxLength None became 9"),
        (changed("properties", "id", "pattern", to="^e"), "event.id: pattern None became ^e"),
        (changed("properties", "id", "enum", to=["e"]), "event.id: no longer accepts anything else"),
        (
            changed("properties", "action", "enum", to=["added"]),
            "event.action: no longer accepts ['removed']",
        ),
        (
            changed("properties", "tags", "items", "properties", "label", "type", to="integer"),
            "event.tags[].label: string became integer",
        ),
        (
            changed("properties", "facts", "additionalProperties", "type", to="integer"),
            "event.facts[]: string became integer",
        ),
        (
            changed("properties", "tags", "items", "additionalProperties", to=False),
            "event.tags[]: additionalProperties is no longer accepted",
        ),
    ],
)
def test_a_change_that_breaks_is_named(new: dict[str, Any], said: str) -> None:
    assert breaks(OLD, new) == (said,)


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed("properties", "mood", to={"type": "string"}),
        changed("required", to=[]),
        changed("properties", "count", "type", to="number"),
        changed("properties", "count", "minimum", to=None),
        changed("properties", "id", to={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        changed("properties", "action", "enum", to=["added", "removed", "changed"]),
        changed("$defs", "Place", "properties", "key", "maxLength", to=10),
    ],
)
def test_a_change_that_only_adds_or_accepts_more_breaks_nothing(new: dict[str, Any]) -> None:
    assert breaks(OLD, new) == ()
