"""docs/api.md: what it shows is run as it stands there, against a real server and storage."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from schemas.uploads import Location
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from tagstream.samples import photographs
from tests.integration.serve_process import ServeProcess, serving

PAGE: Final = Path(__file__).parents[2] / "docs" / "api.md"
Place = tuple[Path, Mapping[str, str]]
"""A folder to run in, and the environment."""

MENU: Final = next(path for path in photographs() if path.name == "menu-trattoria.jpg")


def sample(language: str, name: str) -> str:
    """The block of that name."""
    text = PAGE.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```{language} {name}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def shown(place: int) -> dict[str, Any]:
    """The answer that the page shows as its n-th, without what it says to people."""
    text = re.findall(r"^```jsonc\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    document: dict[str, Any] = json.loads(re.sub(r"\s//.*$", "", text[place], flags=re.MULTILINE))
    return document


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    with EmbeddedS3() as storage:
        settings = S3Settings(
            endpoint_url=storage.endpoint_url,
            region="us-east-1",
            buckets=("photos",),
            **dict(storage.credentials),
        )
        asyncio.run(_upload(settings))
        with serving(tmp_path_factory.mktemp("serve"), **_named(settings)) as running:
            yield running


async def _upload(settings: S3Settings) -> None:
    async with S3Images(settings) as images:
        await images.ensure_bucket("photos")
        await images.put(Location(bucket="photos", key="r1/table.jpg"), MENU.read_bytes())


def _named(settings: S3Settings) -> dict[str, object]:
    assert settings.secret_access_key is not None
    return {
        "S3__ENDPOINT_URL": settings.endpoint_url,
        "S3__REGION": settings.region,
        "S3__ACCESS_KEY_ID": settings.access_key_id,
        "S3__SECRET_ACCESS_KEY": settings.secret_access_key.get_secret_value(),
        "S3__BUCKETS": json.dumps(settings.buckets),
    }


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


def called(place: Place, name: str) -> dict[str, Any]:
    """What the shell's block of that name is answered."""
    document: dict[str, Any] = json.loads(ran(place, "bash", "-ec", sample("sh", name)))
    return document


def test_a_photograph_is_tagged_and_answered_in_the_shape_that_is_shown(place: Place) -> None:
    said, on_the_page = called(place, "predict"), shown(0)
    assert said["verdict"]["tags"] == ["menu"]
    assert said.keys() == on_the_page.keys()
    for part in ("image", "model", "verdict", "timing"):
        assert said[part].keys() == on_the_page[part].keys()
    assert said["labels"][0].keys() == on_the_page["labels"][0].keys()


def test_an_object_is_tagged_where_it_lies(place: Place) -> None:
    assert called(place, "location")["verdict"]["tags"] == ["menu"]


def test_a_labelling_services_client_is_answered_in_the_shape_that_is_shown(place: Place) -> None:
    said, on_the_page = called(place, "compat"), shown(1)
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
    on_the_page = shown(2)
    assert refused.document.keys() == on_the_page.keys()
    assert refused.document["errors"][0].keys() == on_the_page["errors"][0].keys()
    assert refused.headers["Content-Type"] == "application/problem+json"
