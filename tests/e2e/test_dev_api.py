"""`tagstream dev` runs the HTTP API beside its workers, with a key of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from PIL import Image

from schemas import topics
from streams.adapters.kafka.reader import read_all
from tagstream.child_process import API
from tagstream.dev.state import FILE, FOLDER
from tests.e2e.dev_process import LOBBY, MENU, Dev, command
from tests.integration.serve_process import form

Got = tuple[int, bytes]
"""The status, and the body."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_a_photograph_is_tagged_over_http_with_the_key_that_it_shows(dev: Dev) -> None:
    (started,) = dev.wait_until_it_says("started")
    dev.wait_until_the_api_is_ready()
    assert _predicted(started["api"], started["key"])["verdict"]["tags"] == ["menu"]
    assert started["key"] in started["curl"]
    written = [each.read_bytes() for each in (dev.where / FOLDER).iterdir() if each.is_file()]
    assert not any(started["key"][-49:-6].encode() in each for each in written)
    assert json.loads((dev.where / FOLDER / FILE).read_text())["addresses"]["api"] == started["api"]
    os.kill(dev.child(API), signal.SIGKILL)
    (death,) = dev.wait_until_it_says("said")
    assert "The API died (exit code -9); another one starts" in death["text"]
    dev.wait_until_the_api_is_ready(2)
    assert _predicted(started["api"], started["key"])["verdict"]["tags"] == ["menu"]
    dev.process.send_signal(signal.SIGTERM)
    assert dev.process.wait(60) == 0
    with pytest.raises(URLError):
        _predicted(started["api"], started["key"])


def _predicted(api: str, key: str) -> dict[str, Any]:
    """What the API says of the menu."""
    body, headers = form(MENU.read_bytes())
    headers["Authorization"] = f"Bearer {key}"
    with urlopen(Request(f"{api}/v1/predictions", body, headers)) as answer:  # noqa: S310 - ours, on loopback
        said: dict[str, Any] = json.load(answer)
    return said


def test_a_photograph_goes_in_is_tagged_decided_on_explained_shown_and_erased_over_http(dev: Dev) -> None:
    (started,) = dev.wait_until_it_says("started")
    dev.wait_until_the_api_is_ready()

    def got(path: str, body: bytes | None = None, *, method: str | None = None, **headers: str) -> Got:
        shown = {"Authorization": f"Bearer {started['key']}", **headers}
        try:
            asks = Request(f"{started['api']}{path}", body, shown, method=method)  # noqa: S310 - ours
            with urlopen(asks) as answer:  # noqa: S310 - ours
                return answer.status, answer.read()
        except HTTPError as refused:
            return refused.code, refused.read()

    def asked(path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        status, said = got(path, body, **headers)
        return status, json.loads(said)

    def until(holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not ((found := asked(here))[0] == HTTPStatus.OK and holds(found[1])):
            assert dev.process.poll() is None
            time.sleep(0.1)
        return found[1]

    body, headers = form(MENU.read_bytes())
    status, sent = asked("/v1/images?bucket=photos&key=r1/menu.jpg&restaurant_id=r1", body, **headers)
    here = f"/v1/images/{sent['image_id']}"
    assert (status, sent["links"]["self"]) == (HTTPStatus.ACCEPTED, here)
    tagged = until(lambda _: True)
    assert (tagged["state"], tagged["restaurant_id"]) == ("hidden", "r1")

    wanted = {"image_id": sent["image_id"], "action": "approve", "revision": tagged["revision"]}
    said = json.dumps({"decided_by": "ann", "decisions": [wanted]}).encode()
    _, decided = asked("/v1/decisions", said, **{"Content-Type": "application/json"})
    assert [each["status"] for each in decided["results"]] == ["accepted"]
    assert until(lambda image: bool(image["is_decided"]))["state"] == "visible"
    why = asked(f"{here}/why")[1]
    assert (why["decision"]["decided_by"], why["decision"]["in_force"]) == ("ann", True)
    _, late = asked("/v1/decisions", said, **{"Content-Type": "application/json"})
    assert late["results"][0]["problem"]["type"] == "/problems/stale-revision"
    listed = asked("/v1/images?restaurant=r1&label=menu")[1]
    assert [each["image_id"] for each in listed["items"]] == [sent["image_id"]]

    def collection() -> list[str]:
        return [each["image_id"] for each in asked("/v1/restaurants/r1/ambiance")[1]["items"]]

    body, headers = form(LOBBY.read_bytes())
    _, lobby = asked("/v1/images?bucket=photos&key=r1/lobby.jpg&restaurant_id=r1", body, **headers)
    here = f"/v1/images/{lobby['image_id']}"
    shown = until(lambda _: True)
    assert collection() == [lobby["image_id"]]
    wanted = {"image_id": lobby["image_id"], "action": "reject", "revision": shown["revision"]}
    said = json.dumps({"decided_by": "ann", "decisions": [wanted]}).encode()
    asked("/v1/decisions", said, **{"Content-Type": "application/json"})
    assert until(lambda image: bool(image["is_decided"]))["state"] == "hidden"
    assert collection() == []

    status, picture = got(f"{here}/thumbnail?size=128")
    with Image.open(BytesIO(picture)) as small:
        assert (status, small.format, max(small.size)) == (HTTPStatus.OK, "JPEG", 128)
    status, receipt = got(f"{here}?objects=true", method="DELETE")
    (line,) = json.loads(receipt)["receipt"]["images"]
    assert (status, line["outcome"], line["versions_deleted"]) == (HTTPStatus.OK, "erased", 1)
    assert line["events"][topics.LATEST] == 1
    assert asked(f"{here}/thumbnail")[0] == HTTPStatus.GONE
    gone = asked(here)[1]
    assert (gone["state"], gone["tags"], gone["restaurant_id"]) == ("deleted", [], None)
    told = asyncio.run(read_all(started["broker"], topics.LATEST))
    assert [each.value for each in told if each.key == sent["image_id"].encode()][-1] is None


def test_without_the_api_there_is_neither_its_process_nor_a_key(tmp_path: Path) -> None:
    dev = Dev(tmp_path, "--no-api")
    (started,) = dev.wait_until_it_says("started")
    dev.wait_until_it_says("log")
    assert not {"api", "key", "curl"} & started.keys()
    assert len(dev.children()) == 2
    assert json.loads(command(tmp_path, "keys", "list", "--json").stdout) == []
    dev.process.send_signal(signal.SIGTERM)
    assert dev.process.wait(60) == 0


def test_a_port_of_the_api_that_is_taken_is_one_line_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answered = command(tmp_path, "dev", "--json", "--api-port", str(taken.getsockname()[1]))
    assert (answered.returncode, answered.stderr.count("\n")) == (2, 1)
    assert answered.stderr.startswith("tagstream: TAGSTREAM_API__PORT: cannot listen on 127.0.0.1:")
