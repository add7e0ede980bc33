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


class DevApi:
    """The API of a `tagstream dev`, asked with the key that it shows."""

    def __init__(self, dev: Dev) -> None:
        (self.started,) = dev.wait_until_it_says("started")
        dev.wait_until_the_api_is_ready()
        self._dev = dev

    def got(self, path: str, body: bytes | None = None, *, method: str | None = None, **headers: str) -> Got:
        """Status and body."""
        shown = {"Authorization": f"Bearer {self.started['key']}", **headers}
        try:
            asks = Request(f"{self.started['api']}{path}", body, shown, method=method)  # noqa: S310 - ours
            with urlopen(asks) as answer:  # noqa: S310 - ours
                return answer.status, answer.read()
        except HTTPError as refused:
            return refused.code, refused.read()

    def asked(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and document."""
        status, said = self.got(path, body, **headers)
        return status, json.loads(said)

    def until(self, path: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What is answered there, once it holds."""
        while not ((found := self.asked(path))[0] == HTTPStatus.OK and holds(found[1])):
            assert self._dev.process.poll() is None
            time.sleep(0.1)
        return found[1]

    def sent(self, photograph: Path) -> dict[str, Any]:
        """It stands in restaurant r1, and is tagged."""
        body, headers = form(photograph.read_bytes())
        place = f"/v1/images?bucket=photos&key=r1/{photograph.name}&restaurant_id=r1"
        status, said = self.asked(place, body, **headers)
        assert (status, said["links"]["self"]) == (HTTPStatus.ACCEPTED, f"/v1/images/{said['image_id']}")
        return self.until(said["links"]["self"], lambda _: True)

    def decided(self, image: dict[str, Any], action: str) -> dict[str, Any]:
        """What becomes of ann's decision on the image as it is."""
        wanted = {"image_id": image["image_id"], "action": action, "revision": image["revision"]}
        body = json.dumps({"decided_by": "ann", "decisions": [wanted]}).encode()
        (result,) = self.asked("/v1/decisions", body, **{"Content-Type": "application/json"})[1]["results"]
        return dict(result)

    def collection(self) -> list[str]:
        """The ids of the restaurant's ambiance."""
        return [each["image_id"] for each in self.asked("/v1/restaurants/r1/ambiance")[1]["items"]]


def test_a_photograph_goes_in_is_tagged_decided_on_explained_shown_and_erased_over_http(dev: Dev) -> None:
    api = DevApi(dev)
    tagged = api.sent(MENU)
    here = f"/v1/images/{tagged['image_id']}"
    assert (tagged["state"], tagged["restaurant_id"]) == ("hidden", "r1")
    assert api.decided(tagged, "approve")["status"] == "accepted"
    assert api.until(here, lambda image: bool(image["is_decided"]))["state"] == "visible"
    why = api.asked(f"{here}/why")[1]
    assert (why["decision"]["decided_by"], why["decision"]["in_force"]) == ("ann", True)
    assert api.decided(tagged, "approve")["problem"]["type"] == "/problems/stale-revision"
    listed = api.asked("/v1/images?restaurant=r1&label=menu")[1]
    assert [each["image_id"] for each in listed["items"]] == [tagged["image_id"]]

    lobby = api.sent(LOBBY)
    here = f"/v1/images/{lobby['image_id']}"
    assert api.collection() == [lobby["image_id"]]
    assert api.decided(lobby, "reject")["status"] == "accepted"
    assert api.until(here, lambda image: bool(image["is_decided"]))["state"] == "hidden"
    assert api.collection() == []

    status, picture = api.got(f"{here}/thumbnail?size=128")
    with Image.open(BytesIO(picture)) as small:
        assert (status, small.format, max(small.size)) == (HTTPStatus.OK, "JPEG", 128)
    status, receipt = api.got(f"{here}?objects=true", method="DELETE")
    (line,) = json.loads(receipt)["receipt"]["images"]
    assert (status, line["outcome"], line["versions_deleted"]) == (HTTPStatus.OK, "erased", 1)
    assert line["events"][topics.LATEST] == 1
    assert api.asked(f"{here}/thumbnail")[0] == HTTPStatus.GONE
    gone = api.asked(here)[1]
    assert (gone["state"], gone["tags"], gone["restaurant_id"]) == ("deleted", [], None)
    told = asyncio.run(read_all(api.started["broker"], topics.LATEST))
    assert [each.value for each in told if each.key == lobby["image_id"].encode()][-1] is None


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
