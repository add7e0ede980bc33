"""docs/api.md: what it shows is run as it stands there, against a real server and storage."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from agents.transitions import Transitions
from console.api.erasures import ErasureDocument
from operations.erasure_receipt import ImageLine, Receipt
from operations.topic_remains import TopicRemains
from schemas.uploads import Location
from streams.adapters.sqlite.store import SqliteScores
from tagstream.samples import photographs
from tests.integration.photo_storage import photo_storage
from tests.integration.serve_process import ServeProcess, serving
from tests.unit.head_builders import NOW, TAGGER, claim, scoring

PAGE: Final = Path(__file__).parents[2] / "docs" / "api.md"
UPLOADS: Final = {
    "img_a": {"ambiance": 0.9},
    "img_b": {"menu": 0.9},
    "img_c": {"ambiance": 0.9},
    "img_d": {"ambiance": 0.9},
    "img_e": {"ambiance": 0.9},
}
"""Of the store, and what the model saw in each."""

Place = tuple[Path, Mapping[str, str]]
"""A folder to run in, and the environment."""

MENU: Final = next(path for path in photographs() if path.name == "menu-trattoria.jpg")


def sample(language: str, name: str) -> str:
    """The block of that name."""
    text = PAGE.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```{language} {name}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def shown(name: str) -> dict[str, Any]:
    """The answer of that name that the page shows, without what it says to people."""
    document: dict[str, Any] = json.loads(re.sub(r"\s//.*$", "", sample("jsonc", name), flags=re.MULTILINE))
    return document


@pytest.fixture(scope="module")
def storage() -> Iterator[Mapping[str, object]]:
    """With what the page speaks of, and a list that is not done in a moment."""
    many = "".join(f"nobody-{number}.jpg\n" for number in range(20_000))
    objects = {
        "r1/table.jpg": MENU.read_bytes(),
        "r1/menu.jpg": MENU.read_bytes(),
        "jobs/nov.csv": sample("csv", "list").encode(),
        "jobs/many.csv": f"image\n{many}".encode(),
    }
    with photo_storage(objects) as settings:
        yield settings


@pytest.fixture(scope="module")
def server(storage: Mapping[str, object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    with serving(tmp_path_factory.mktemp("serve"), **storage) as running:
        yield running


@pytest.fixture
def place(server: ServeProcess, tmp_path: Path) -> Place:
    """A folder with the photographs that the page names, and the environment that it speaks of."""
    for name in ("table.jpg", "menu.jpg"):
        (tmp_path / name).write_bytes(MENU.read_bytes())
    return tmp_path, {**os.environ, "KEY": server.token, "API": server.address}


def ran(place: Place, *words: str | Path) -> str:
    folder, environment = place
    ended = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def submitted(server: ServeProcess, listed: str, prefix: str) -> dict[str, Any]:
    """The job of that list."""
    asked = {
        "input": {"bucket": "photos", "key": listed},
        "output": {"bucket": "photos", "prefix": prefix},
        "max_failed": 1,
    }
    headers = {"Content-Type": "application/json"}
    answer = server.ask("POST", "/v1/batches", json.dumps(asked).encode(), headers)
    assert answer.status == 202, answer.body
    document: dict[str, Any] = answer.document
    return document


def called(place: Place, name: str) -> dict[str, Any]:
    """What the shell's block of that name is answered."""
    document: dict[str, Any] = json.loads(ran(place, "bash", "-ec", sample("sh", name)))
    return document


def test_a_photograph_is_tagged_and_answered_in_the_shape_that_is_shown(place: Place) -> None:
    said, on_the_page = called(place, "predict"), shown("predict")
    assert said["verdict"]["tags"] == ["menu"]
    assert said.keys() == on_the_page.keys()
    for part in ("image", "model", "verdict", "timing"):
        assert said[part].keys() == on_the_page[part].keys()
    assert said["labels"][0].keys() == on_the_page["labels"][0].keys()


def test_an_object_is_tagged_where_it_lies(place: Place) -> None:
    assert called(place, "location")["verdict"]["tags"] == ["menu"]


def test_a_labelling_services_client_is_answered_in_the_shape_that_is_shown(place: Place) -> None:
    said, on_the_page = called(place, "compat"), shown("compat")
    assert [each["input"] for each in said["result"]] == ["table.jpg", "menu.jpg"]
    assert (said.keys(), said["message"]) == (on_the_page.keys(), "Success")
    assert said["result"][0].keys() == on_the_page["result"][0].keys()
    assert said["result"][0]["prediction"][0]["label"] == "menu"


def test_the_inference_protocol_scores_it(place: Place) -> None:
    outputs = {each["name"]: each for each in called(place, "infer")["outputs"]}
    assert outputs.keys() == {"probabilities", "labels"}


def test_the_program_prints_the_tags_of_each_photograph(place: Place) -> None:
    folder, _ = place
    (folder / "predict.py").write_text(sample("python", "predict"), encoding="utf-8")
    said = ran(place, sys.executable, folder / "predict.py", "table.jpg", "menu.jpg")
    assert said == "table.jpg menu\nmenu.jpg menu\n"


def test_the_program_says_the_problem_of_a_broken_one(place: Place) -> None:
    folder, environment = place
    (folder / "predict.py").write_text(sample("python", "predict"), encoding="utf-8")
    (folder / "broken.jpg").write_bytes(MENU.read_bytes()[:2000])
    words = (sys.executable, folder / "predict.py", "broken.jpg")
    ended = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("broken.jpg: /problems/undecodable: ")


def test_a_refusal_has_the_shape_that_is_shown(server: ServeProcess) -> None:
    refused = server.ask(
        "POST",
        "/v1/predictions",
        b'{"location": {"bucket": "photos", "key": "", "mood": 1}}',
        {"Content-Type": "application/json"},
    )
    on_the_page = shown("problem")
    assert refused.document.keys() == on_the_page.keys()
    assert refused.document["errors"][0].keys() == on_the_page["errors"][0].keys()
    assert refused.headers["Content-Type"] == "application/problem+json"


@pytest.fixture
def uploads(server: ServeProcess) -> None:
    """The store has two restaurants' images; two of the one are of the same bytes."""
    asyncio.run(_keep(server.store))


async def _keep(path: Path) -> None:
    async with SqliteScores(path) as scores:
        for number, (image, seen) in enumerate(UPLOADS.items(), start=1):
            whose = "r2" if image == "img_e" else "r1"
            made = scoring(claim(number, restaurant=whose), content="bytes", version="1", **seen)
            await scores.apply(image, Transitions(image, TAGGER, NOW).scored(made))


def keys_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an answer, and of the first of its items."""
    item = said["items"][0]
    inner = {name: value.keys() for name, value in item.items() if isinstance(value, dict)}
    return {"own": said.keys(), "item": item.keys(), **inner}


@pytest.mark.usefixtures("uploads")
def test_uploads_are_listed_in_the_shape_that_is_shown(place: Place) -> None:
    said = called(place, "images")
    assert [each["image_id"] for each in said["items"]] == ["img_b"]
    assert keys_of(said) == keys_of(shown("images"))
    assert said["items"][0]["tags"][0].keys() == shown("images")["items"][0]["tags"][0].keys()


@pytest.mark.usefixtures("uploads")
def test_the_program_turns_the_pages_of_a_list(place: Place) -> None:
    folder, _ = place
    (folder / "images.py").write_text(sample("python", "images"), encoding="utf-8")
    said = ran(place, sys.executable, folder / "images.py", "restaurant=r1", "label=ambiance")
    assert said == "img_a visible ambiance\nimg_c visible ambiance\nimg_d visible ambiance\n"


@pytest.mark.usefixtures("uploads")
def test_a_restaurants_ambiance_is_shown_in_the_shape_of_the_page(place: Place) -> None:
    said = called(place, "ambiance")
    assert [(each["image_id"], each["same_as"]) for each in said["items"]] == [("img_d", ["img_c", "img_a"])]
    assert keys_of(said) == keys_of(shown("ambiance"))


@pytest.mark.usefixtures("uploads")
def test_the_program_shows_a_collection_again_only_where_it_has_changed(place: Place) -> None:
    folder, _ = place
    (folder / "ambiance.py").write_text(sample("python", "ambiance"), encoding="utf-8")
    assert ran(place, sys.executable, folder / "ambiance.py", "r1", "2") == "img_d\n"


async def _tagged(store: Path) -> None:
    """`img_stands` is the menu that stands in storage; `img_removed` was removed."""
    of = claim(1, restaurant="r9").model_copy(
        update={"location": Location(bucket="photos", key="r1/menu.jpg")}
    )
    seen = scoring(of, content=sha256(MENU.read_bytes()).hexdigest(), menu=0.9)
    async with SqliteScores(store) as scores:
        await scores.apply("img_stands", Transitions("img_stands", TAGGER, NOW).scored(seen))
        gone = claim(1, restaurant="r9", removal=True)
        await scores.apply("img_removed", Transitions("img_removed", TAGGER, NOW).removed(gone))


def test_the_program_shows_a_photograph_small_and_none_that_was_removed(
    server: ServeProcess, place: Place
) -> None:
    asyncio.run(_tagged(server.store))
    folder, _ = place
    (folder / "small.py").write_text(sample("python", "thumbnail"), encoding="utf-8")
    first, again, removed_one = ran(
        place, sys.executable, folder / "small.py", "img_stands", "img_stands", "img_removed"
    ).splitlines()
    assert first == again
    assert 1_000 < int(first.split()[1]) < len(MENU.read_bytes())
    assert removed_one == "img_removed gone"


def test_a_receipt_has_the_fields_that_are_shown() -> None:
    on_the_page = shown("erase")
    assert on_the_page.keys() == ErasureDocument.model_fields.keys()
    assert on_the_page["receipt"].keys() <= Receipt.model_fields.keys()
    assert on_the_page["receipt"]["images"][0].keys() <= ImageLine.model_fields.keys()
    assert on_the_page["receipt"]["topics"][0].keys() <= TopicRemains.model_fields.keys()


def test_a_list_is_submitted_once_watched_and_its_errors_are_listed(place: Place) -> None:
    folder, environment = place
    made = called(place, "batch")
    assert called(place, "batch")["id"] == made["id"]
    here = (folder, {**environment, "BATCH": made["id"]})
    done, on_the_page = called(here, "watch"), shown("batch")
    assert (done["state"], done["rows"], done["errors"]) == (
        "finished",
        on_the_page["rows"],
        on_the_page["errors"],
    )
    assert done.keys() == on_the_page.keys()
    for part in ("model", "output", "links"):
        assert done[part].keys() == on_the_page[part].keys()
    errors, of_the_page = called(here, "errors"), shown("errors")
    (error,), (shown_error,) = errors.pop("items"), of_the_page.pop("items")
    assert error.pop("detail")
    assert shown_error.pop("detail")
    assert (errors, error) == (of_the_page, shown_error)


def test_a_job_is_cancelled_and_resumed(server: ServeProcess, place: Place) -> None:
    folder, environment = place
    here = (folder, {**environment, "BATCH": submitted(server, "jobs/many.csv", "jobs/many-out/")["id"]})
    assert [called(here, name)["state"] for name in ("cancel", "resume", "cancel")] == [
        "cancelled",
        "running",
        "cancelled",
    ]


def test_the_program_has_a_list_scored_and_reads_its_results(
    storage: Mapping[str, object], place: Place
) -> None:
    folder, environment = place
    (folder / "batch.py").write_text(sample("python", "batch"), encoding="utf-8")
    there = {
        "AWS_ENDPOINT_URL_S3": str(storage["S3__ENDPOINT_URL"]),
        "AWS_DEFAULT_REGION": str(storage["S3__REGION"]),
        "AWS_ACCESS_KEY_ID": str(storage["S3__ACCESS_KEY_ID"]),
        "AWS_SECRET_ACCESS_KEY": str(storage["S3__SECRET_ACCESS_KEY"]),
    }
    words = (sys.executable, folder / "batch.py", "photos", "jobs/nov.csv", "jobs/nov-program/")
    said = ran((folder, {**environment, **there}), *words)
    assert said.splitlines() == [
        "r1/table.jpg ok menu",
        "s3://photos/r1/menu.jpg ok menu",
        "r1/never-uploaded.jpg failed gone",
    ]
