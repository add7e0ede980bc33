"""The documentation says what the code does: generated parts, links, commands, examples and names."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import pytest
import typer
from pydantic import BaseModel
from typer.core import TyperGroup

from agents.telemetry.metrics import Metrics
from agents.wiring import settings
from schemas import topics, wire
from schemas.contract import published
from schemas.errors import Malformed
from schemas.wire.cloudevents import STRUCTURED_JSON
from tagstream import cli
from tools.reference import log_events
from tools.reference import pages as reference

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *reference.pages(DOCS))
GUIDES: Final = {"producers.md", "moderation.md", "operations.md", "api.md"}

EVENTS: Final = {event.__name__: event for event in published.EVENTS}
OTHER_TOPICS: Final = {"photos.redriven.v1", "photos.drinks.v1"}
"""A redrive's own memory, and the collection that the pages take for an example."""

_WRONG_USE: Final = cast("type[Exception]", typer.BadParameter.__mro__[1])
"""What all errors of usage have for a parent; whose click Typer brings differs from version to version."""


class Block(NamedTuple):
    """One fenced block: the words behind its fence, and what is in it."""

    language: str
    about: str
    text: str


def blocks(text: str) -> Iterator[Block]:
    for found in re.finditer(r"^```(\w*)[ ]*([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield Block(*found.groups())


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The headings of a page as links name them."""
    heads = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def dead_links(page: Path, text: str) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = page.parent / name if name else page
        if not found.exists():
            yield f"{target}: there is no such file"
        elif anchor and anchor not in anchors(text if found == page else found.read_text(encoding="utf-8")):
            yield f"{target}: there is no such heading"


def commands(text: str) -> Iterator[list[str]]:
    """The words behind `tagstream` of each line of a shell block that runs it."""
    for block in blocks(text):
        if block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                yield from _commands(line)


def _commands(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "|"]:
        if set(word) <= set("|;&<>"):
            while words and re.fullmatch(r"\w+=.*", words[0], re.DOTALL):  # settings of this one command
                words.pop(0)
            if words and words[0].rpartition("/")[2] == "tagstream":
                yield words[1:]
            words = []
        else:
            words.append(word)


def wrong_command(words: list[str]) -> str | None:
    """What is wrong with a command line of ours."""
    command: Any = typer.main.get_command(cli.app)
    remaining = list(words)
    while isinstance(command, TyperGroup):
        if command.invoke_without_command and remaining and remaining[0].startswith("-") and command.params:
            break  # a command that has others below it, as `replay` has `drop`
        name = remaining.pop(0) if remaining else ""
        found = command.get_command(typer.Context(command), name)
        if found is None:
            return f"{' '.join(words)}: there is no such command"
        command = found
    try:
        command.make_context(command.name, remaining)
    except _WRONG_USE as error:
        return f"{' '.join(words)}: {error}"
    return None


def wrong_example(block: Block) -> str | None:
    """What is wrong with a JSON block, which names the event that it is an example of."""
    try:
        _judge(block)
    except (ValueError, LookupError, Malformed) as error:
        return f"{block.about or 'a JSON block that names no event'}: {error}"
    return None


def _judge(block: Block) -> None:
    if block.about in EVENTS:
        _read(EVENTS[block.about], block.text)
    elif block.about == "CloudEvent":
        for record in wire.decode(block.text.encode(), {"content-type": STRUCTURED_JSON.encode()}):
            if isinstance(record, wire.Invalid):
                raise record.error
    else:
        raise LookupError("no event has this name")


def _read(event: type[BaseModel], text: str) -> None:
    read = event.model_validate_json(text)
    if event in {EVENTS["ImageUploaded"], EVENTS["ImageRemoved"]}:
        (record,) = wire.decode(text.encode(), {})
        assert not isinstance(record, wire.Invalid | wire.Ignored)
    fields = {field.alias or name for name, field in event.model_fields.items()}
    # A field that nobody reads is a mistake in an example, and no error on the wire.
    if strangers := set(json.loads(text)) - fields - {"type"}:
        raise ValueError(f"{read!r} has no {', '.join(sorted(strangers))}")


def unknown(text: str, pattern: str, known: Callable[[str], bool]) -> set[str]:
    return {name for name in re.findall(pattern, text) if not known(name)}


def unknown_settings(text: str) -> set[str]:
    names = set(settings.names())
    return unknown(text, r"\bTAGSTREAM_[A-Z0-9]+__[A-Z0-9_]+\b", names.__contains__)


def unknown_metrics(text: str) -> set[str]:
    names = {each.name for each in Metrics().describe()}
    parts = {f"{name}{part}" for name in names for part in ("_bucket", "_sum", "_count")}
    return unknown(prose(text), r"`(tagstream_[a-z_]+)", (names | parts).__contains__)


def unknown_topics(text: str) -> set[str]:
    names = set(topics.ALL) | OTHER_TOPICS
    return unknown(text, r"\bphotos\.[a-z.]+\.v\d+(?:\.[a-z]+\b)?", names.__contains__)


def unknown_log_events(text: str) -> set[str]:
    """Of a page's tables and sentences: `noun.what_became_of_it` in code."""
    names = {event.name for event in log_events.events()}
    nouns = {name.partition(".")[0] for name in names}
    said = {
        name for name in re.findall(r"`([a-z]+\.[a-z_]+)`", prose(text)) if name.partition(".")[0] in nouns
    }
    return said - names


def all_pages_pass(check: Callable[[Path, str], Iterable[object]]) -> None:
    """Raise with everything that `check` has against any page."""
    found = [
        f"{page.relative_to(ROOT)}: {fault}"
        for page in PAGES
        for fault in check(page, page.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(["", *found])


def test_what_is_generated_is_what_the_code_says() -> None:
    drifted = "drifted from the code; `make docs` writes it anew"
    all_pages_pass(lambda _, text: [drifted] if reference.renewed(text) != text else [])


def test_every_link_leads_somewhere() -> None:
    all_pages_pass(dead_links)


def test_every_command_is_one_of_ours_with_its_options() -> None:
    all_pages_pass(lambda _, text: filter(None, map(wrong_command, commands(text))))


def test_every_json_example_is_read_as_the_event_that_it_names() -> None:
    def wrong(_: Path, text: str) -> Iterator[str | None]:
        return filter(None, (wrong_example(block) for block in blocks(text) if block.language == "json"))

    all_pages_pass(wrong)


@pytest.mark.parametrize("unknown", [unknown_settings, unknown_metrics, unknown_topics])
def test_every_name_is_one_of_ours(unknown: Callable[[str], set[str]]) -> None:
    all_pages_pass(lambda _, text: unknown(text))


def test_every_log_line_that_a_guide_names_is_logged() -> None:
    texts = {name: (DOCS / name).read_text(encoding="utf-8") for name in GUIDES}
    assert {name: wrong for name, text in texts.items() if (wrong := unknown_log_events(text))} == {}


def test_every_topic_has_its_page_with_its_fields_and_its_example() -> None:
    for channel in published.CHANNELS:
        text = (DOCS / "topics" / f"{channel.name}.md").read_text(encoding="utf-8")
        assert f"<!-- generated: topic {channel.name} -->" in text
        for event in channel.events:
            assert f"<!-- generated: fields {event.__name__} -->" in text
            assert f"<!-- generated: example {event.__name__} -->" in text


def test_the_index_leads_to_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    led = {(DOCS / target).resolve() for target in re.findall(r"\]\(([^)#\s]+)", index)}
    assert {page.resolve() for page in reference.pages(DOCS)} - led == {DOCS / "README.md"}


def test_the_guides_show_commands_and_examples() -> None:
    """Else the tests above would look at nothing."""
    texts = {name: (DOCS / name).read_text(encoding="utf-8") for name in GUIDES}
    assert all(list(commands(text)) for text in texts.values())
    assert {block.about for block in blocks(texts["producers.md"])} >= {"ImageUploaded", "CloudEvent"}
    assert {block.about for block in blocks(texts["moderation.md"])} >= {"ModerationDecided"}


@pytest.mark.parametrize(
    "text",
    [
        "```sh\ntagstream tweet\n```",
        "```sh\ntagstream tail tagged --form earliest\n```",
        "```sh\n.venv/bin/tagstream dlq\n```",
        "```sh\nX=1 tagstream topics list | jq . && tagstream upload\n```",
    ],
)
def test_a_command_that_is_none_would_be_seen(text: str) -> None:
    assert any(map(wrong_command, commands(text)))


@pytest.mark.parametrize(
    "block",
    [
        Block("json", "ImageUploaded", '{"uploaded_at": "2026-03-14T12:00:00Z"}'),
        Block(
            "json",
            "ImageUploaded",
            '{"location": {"bucket": "b", "key": "k"}, "uploaded_at": "2026-03-14T12:00:00Z", "mood": 1}',
        ),
        Block("json", "CloudEvent", '{"specversion": "1.0", "data": {}}'),
        Block("json", "", "{}"),
    ],
)
def test_an_example_that_is_none_would_be_seen(block: Block) -> None:
    assert wrong_example(block)


def test_names_that_are_not_ours_would_be_seen() -> None:
    assert unknown_settings("`TAGSTREAM_S3__BUCKET`") == {"TAGSTREAM_S3__BUCKET"}
    assert unknown_metrics("`tagstream_bucket_size`") == {"tagstream_bucket_size"}
    assert unknown_topics("`photos.upload.v1` and photos.uploaded.v2") == {
        "photos.upload.v1",
        "photos.uploaded.v2",
    }
    assert unknown_log_events("`worker.gone`") == {"worker.gone"}


def test_a_link_that_leads_nowhere_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# A head\n")
    said = "[a](b.md#a-head) [c](b.md#a-foot) [d](c.md) [e](https://example.org)"
    assert len(list(dead_links(tmp_path / "a.md", said))) == 2


def test_a_drifted_part_is_written_anew_and_the_rest_is_left(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("Before.\n<!-- generated: rejections -->\nold\n<!-- end -->\nAfter.\n")
    assert list(reference.renew(tmp_path)) == [page]
    text = page.read_text()
    assert "`malformed`" in text
    assert text.startswith("Before.\n")
    assert text.endswith("\nAfter.\n")
    assert "old" not in text
    assert list(reference.stale(tmp_path)) == []


def test_a_part_that_nobody_can_write_is_refused() -> None:
    with pytest.raises(LookupError):
        reference.renewed("<!-- generated: poems -->\n<!-- end -->")


def test_how_long_a_topic_is_kept_is_said_in_one_sentence_everywhere() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page.split("\n## Topics\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\[`photos\.[^|]*) \| ([^|]+) \|", section, re.MULTILINE)
    kept = {page: said for pages, said in rows for page in re.findall(r"topics/([\w-]+)\.md", pages)}
    assert kept.keys() == {page.stem for page in (ROOT / "docs" / "topics").glob("*.md")}
    for topic, said in kept.items():
        told = (ROOT / "docs" / "topics" / f"{topic}.md").read_text()
        assert re.search(rf"^\| Keep it \| {re.escape(said)}[. ]", told, re.MULTILINE), topic
