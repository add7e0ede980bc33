"""The published contract: what is committed is what the code does, and it is sound."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from jsonschema import Draft7Validator, Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel
from typer.testing import CliRunner

from console.app import api_document
from schemas import topics, wire
from schemas.contract import asyncapi, examples, published
from schemas.decisions import ModerationDecided
from schemas.uploads import ImageRemoved, ImageUploaded
from schemas.wire import cloudevents
from tagstream.commands import schemas as command

COMMITTED: Final = Path(__file__).parents[2] / "docs" / "schemas"
DOCUMENT: Final = asyncapi.document()
MESSAGES: Final = DOCUMENT["components"]["messages"]
API: Final = api_document()

app = typer.Typer()
app.command()(command.schemas)


def flaws(document: dict[str, Any]) -> list[str]:
    """What is wrong with an AsyncAPI document, as far as it can be seen without its readers."""
    lost = [f"{ref} leads nowhere" for ref in _refs(document) if _at(document, ref) is None]
    found = list(lost)
    for name, channel in document["channels"].items():
        found += [f"{name} carries nothing"] * (not channel["messages"])
    for name, operation in document["operations"].items():
        channel = operation["channel"]["$ref"] + "/messages/"
        strangers = [each["$ref"] for each in operation["messages"] if not each["$ref"].startswith(channel)]
        found += [f"{name}: {each} is not of its channel" for each in strangers]
        found += [f"{name} does nothing"] * (not operation["messages"])
        found += [f"{name}: {operation['action']}"] * (operation["action"] not in {"send", "receive"})
    return found if lost else found + _unlike_their_examples(document)


def _unlike_their_examples(document: dict[str, Any]) -> list[str]:
    found = []
    for name, message in document["components"]["messages"].items():
        payload = {"components": document["components"]} | message["payload"]
        for example in message.get("examples", ()):
            errors = Draft202012Validator(payload).iter_errors(example["payload"])
            found += [f"{name}: {error.message}" for error in errors]
    return found


def _refs(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        yield from (ref for each in value.values() for ref in _refs(each))
    elif isinstance(value, list):
        yield from (ref for each in value for ref in _refs(each))


def _at(document: Any, ref: str) -> object:
    for part in ref.removeprefix("#/").split("/"):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def test_the_committed_copies_say_what_the_code_does() -> None:
    result = CliRunner().invoke(app, ["--check", "--output", str(COMMITTED)])
    assert result.exit_code == 0, f"{result.output}\n`tagstream schemas --output docs/schemas`"


def test_a_committed_copy_that_differs_is_named_with_what_it_breaks(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["--output", str(tmp_path)])
    path = tmp_path / "ImageUploaded.json"
    schema = json.loads(path.read_text())
    schema["properties"]["mood"] = {"type": "string"}
    path.write_text(json.dumps(schema))
    (tmp_path / "TagsHeld.json").unlink()
    (tmp_path / "Gone.json").write_text("{}")
    result = CliRunner().invoke(app, ["--check", "--output", str(tmp_path)])
    assert result.exit_code == 1
    for said in (
        "ImageUploaded.json: differs",
        "breaks event.mood: removed",
        "TagsHeld.json: missing",
        "Gone.json",
    ):
        assert said in result.output


def test_all_of_it_is_one_json_object() -> None:
    said = json.loads(CliRunner().invoke(app, ["--json"]).stdout)
    assert said["asyncapi.json"] == DOCUMENT
    assert {f"{event.__name__}.json" for event in published.EVENTS} < said.keys()


def test_without_an_option_every_topic_is_named() -> None:
    said = CliRunner().invoke(app, [], env={"COLUMNS": "200"}).stdout
    assert all(topic in said for topic in topics.ALL)


def test_every_topic_has_a_channel_with_its_direction() -> None:
    received = {channel.topic for channel in published.CHANNELS if channel.receives}
    sent = {channel.topic for channel in published.CHANNELS if channel.sends}
    assert received == set(topics.INBOUND)
    assert sent >= set(topics.OUTBOUND)
    assert sorted(channel.topic for channel in published.CHANNELS) == sorted(topics.ALL)


def test_everything_that_is_published_has_a_schema() -> None:
    assert set(cloudevents.KINDS) <= set(published.EVENTS)
    assert set(examples.EXAMPLES) == set(published.EVENTS)


@pytest.mark.parametrize("event", published.EVENTS, ids=lambda event: event.__name__)
def test_an_events_schema_is_sound_and_its_example_is_one(event: type[BaseModel]) -> None:
    schema = published.json_schema(event)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(asyncapi.example(event))
    assert not Draft202012Validator(schema).is_valid({})


@pytest.mark.parametrize("event", published.EVENTS, ids=lambda event: event.__name__)
def test_an_example_is_read_as_what_it_is_an_example_of(event: type[BaseModel]) -> None:
    assert event.model_validate(asyncapi.example(event)) == examples.EXAMPLES[event]


@pytest.mark.parametrize("event", [ImageUploaded, ImageRemoved, ModerationDecided])
def test_what_the_schema_lets_a_producer_leave_out_may_be_left_out(event: type[BaseModel]) -> None:
    schema = published.json_schema(event)
    example = asyncapi.example(event)
    least = {name: example[name] for name in schema["required"]} | {"labels": example.get("labels")}
    Draft202012Validator(schema).validate(least)
    assert event.model_validate(least)
    for name in schema["required"]:
        less = {key: value for key, value in least.items() if key != name}
        assert not Draft202012Validator(schema).is_valid(less)


def test_the_least_upload_of_the_schema_is_an_upload_on_the_wire() -> None:
    said = asyncapi.example(ImageUploaded)
    least = {name: said[name] for name in published.json_schema(ImageUploaded)["required"]}
    (record,) = wire.decode(json.dumps(least).encode(), {})
    assert isinstance(record, wire.Uploaded)


def test_a_fields_docstring_is_its_description() -> None:
    properties = published.json_schema(ImageUploaded)["properties"]
    assert properties["image_id"]["description"].startswith("Stable per image")


def test_the_document_of_all_topics_has_no_flaws() -> None:
    assert flaws(DOCUMENT) == []
    assert DOCUMENT["asyncapi"] == "3.0.0"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("components", "schemas", "Location"), None, "leads nowhere"),
        (("channels", "tagged", "messages"), {}, "carries nothing"),
        (("operations", "send-tagged", "channel", "$ref"), "#/channels/latest", "not of its channel"),
        (("operations", "send-tagged", "action"), "shout", "shout"),
        (("operations", "send-tagged", "messages"), [], "does nothing"),
        (("components", "schemas", "ImageUploaded", "required"), ["mood"], "'mood' is a required"),
    ],
)
def test_a_flaw_in_the_document_would_be_seen(path: tuple[str, ...], value: object, said: str) -> None:
    broken = json.loads(json.dumps(DOCUMENT))
    holder = broken
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    assert any(said in flaw for flaw in flaws(broken))


def test_the_schemas_of_the_document_are_sound_for_the_dialect_that_asyncapi_reads() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("event", list(cloudevents.KINDS), ids=lambda event: event.__name__)
def test_the_headers_of_an_event_are_as_the_document_says(event: type[cloudevents.Event]) -> None:
    example: Any = examples.EXAMPLES[event]
    said = dict(cloudevents.headers(example, source="/tagstream", now=datetime.now(UTC)))
    schema = DOCUMENT["components"]["schemas"]["EventHeaders"]
    Draft202012Validator(schema).validate({name: value.decode() for name, value in said.items()})
    assert said.keys() <= schema["properties"].keys()


def test_every_cause_that_a_letter_can_name_is_in_the_document() -> None:
    named = DOCUMENT["components"]["schemas"]["LetterHeaders"]["properties"]
    assert named.keys() == examples.LETTER.causes.keys()
    assert len(named) == 12


def test_a_compacted_topic_has_tombstones() -> None:
    carrying = {name for name, channel in DOCUMENT["channels"].items() if "Tombstone" in channel["messages"]}
    assert carrying == {"latest"}


def test_nobody_here_sends_what_only_storages_send() -> None:
    sent = DOCUMENT["operations"]["send-uploaded"]["messages"]
    assert {each["$ref"].rpartition("/")[2] for each in sent} == {"ImageUploaded", "ImageRemoved"}


def test_the_document_of_the_api_is_of_openapi_3_1_and_no_reference_in_it_leads_nowhere() -> None:
    assert API["openapi"] == "3.1.0"
    assert [ref for ref in _refs(API) if _at(API, ref) is None] == []
    for schema in API["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_of_the_api_has_a_name_of_its_own_and_says_how_it_may_fail() -> None:
    operations = [each for methods in API["paths"].values() for each in methods.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert all("500" in each["responses"] for each in operations)
    assert all({"200", "202"} & each["responses"].keys() for each in operations)
    assert all(("401" in each["responses"]) == ("security" in each) for each in operations)


def test_a_copy_of_the_apis_document_that_differs_is_named_with_what_it_breaks(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["--output", str(tmp_path)])
    path = tmp_path / "openapi.json"
    document = json.loads(path.read_text())
    document["paths"]["/v1/gone"] = {"get": {"responses": {}}}
    path.write_text(json.dumps(document))
    result = CliRunner().invoke(app, ["--check", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "breaks GET /v1/gone: removed" in result.output
