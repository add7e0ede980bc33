"""Refusals over HTTP: every row of what bad input gets, each a whole problem document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest
from structlog.testing import capture_logs

from agents.testing import FakeTagger
from model.preprocess import Preprocess
from model.registry.refs import AliasRef, VersionRef
from operations import api_keys
from schemas.api_keys import Scope
from schemas.api_tokens import ApiToken
from schemas.errors import Broken, ConfigurationError, Unavailable, Unforeseen
from streams.adapters.limits import Limits
from streams.adapters.memory import AwayImages, MemoryImages, MemoryScores
from tests.unit.console_rig import (
    BUCKET,
    Hand,
    RealDecoding,
    Rig,
    Stumbling,
    image,
    limits,
    problem_of,
)
from tests.unit.data_builders import picture

URL: Final = "/v1/predictions"
PNG: Final = b"\x89PNG\r\n\x1a\n"


async def test_without_a_key_nobody_is_answered_and_how_to_show_one_is_said() -> None:
    async with Rig().client(None) as client:
        answer = await client.post(URL, files=image())
    problem_of(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="tagstream"'


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer",
        "Bearer tsk_nonsense",
        "Basic dHNr",
        "Bearer \xe4",
        f"Bearer {ApiToken('abcdefgh', '0' * 43).text}",
    ],
)
async def test_what_is_no_key_of_ours_is_refused(shown: str) -> None:
    async with Rig().client(None) as client:
        answer = await client.post(URL, files=image(), headers={b"Authorization": shown.encode("latin-1")})
    problem_of(answer, 401, "unauthenticated")
    assert "www-authenticate" in answer.headers


async def test_a_key_with_another_secret_is_refused_though_its_id_is_known() -> None:
    rig = Rig()
    known = ApiToken.parse(await rig.key())
    assert known
    forged = ApiToken(known.id, ApiToken.generate().secret).text
    async with rig.client(known.text) as client:
        assert (await client.post(URL, files=image())).status_code == 200
        answer = await client.post(URL, files=image(), headers={"Authorization": f"Bearer {forged}"})
    problem_of(answer, 401, "unauthenticated")


async def test_a_revoked_key_is_refused() -> None:
    rig = Rig()
    token = await rig.key()
    await api_keys.revoke(rig.store, "test", by="bo", now=datetime.now(UTC))
    async with rig.client(token) as client:
        answer = await client.post(URL, files=image())
    assert problem_of(answer, 401, "unauthenticated")["detail"] == "the key is revoked"


async def test_an_expired_key_is_refused() -> None:
    rig = Rig()
    token = await rig.key(expires_in=timedelta(days=1), made_at=datetime.now(UTC) - timedelta(days=2))
    async with rig.client(token) as client:
        answer = await client.post(URL, files=image())
    assert problem_of(answer, 401, "unauthenticated")["detail"] == "the key is expired"


async def test_a_key_that_somebody_has_edited_lets_nobody_in() -> None:
    rig = Rig()
    token = await rig.key()
    (found,) = rig.store.key_documents
    rig.store.key_documents[found] = rig.store.key_documents[found].replace('"predict"', '"everything"')
    async with rig.client(token) as client:
        problem_of(await client.post(URL, files=image()), 401, "unauthenticated")


async def test_a_key_without_the_scope_is_forbidden() -> None:
    rig = Rig()
    async with rig.client(await rig.key(Scope.BATCH, Scope.ADMIN)) as client:
        answer = await client.post(URL, files=image())
    assert "predict" in problem_of(answer, 403, "forbidden")["detail"]


async def test_a_body_that_says_it_is_too_large_is_refused_and_not_read_to_its_end() -> None:
    read = []

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(9):
            read.append(1)
            yield b"x" * 1024

    async with Rig(limits=limits(body_bytes=2048)).client() as client:
        headers = {"Content-Length": "9216", "Content-Type": "multipart/form-data; boundary=b"}
        answer = await client.post(URL, content=parts(), headers=headers)
    problem_of(answer, 413, "too-large")
    assert answer.headers["connection"] == "close"
    assert len(read) < 9


async def test_a_chunked_body_is_refused_where_it_becomes_too_large() -> None:
    read = []

    async def parts() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(9):
            read.append(1)
            yield b"x" * 1024

    async with Rig(limits=limits(body_bytes=2048)).client() as client:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await client.post(URL, content=parts(), headers=headers)
    problem_of(answer, 413, "too-large")
    assert answer.headers["connection"] == "close"
    assert len(read) < 9


async def test_a_slow_body_is_broken_off() -> None:
    ended = asyncio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"--b\r\n"
        await ended.wait()

    async with Rig(limits=limits(slow_seconds=0.02)).client() as client:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await client.post(URL, content=parts(), headers=headers)
    problem_of(answer, 408, "too-slow")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("kind", ["image/jpeg", "application/x-www-form-urlencoded", ""])
async def test_what_is_neither_a_form_nor_json_is_refused(kind: str) -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, content=b"photo", headers={"Content-Type": kind})
    problem_of(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [("image", (None, b"no file"))],
        [("image", ("a.jpg", b"1")), ("image", ("b.jpg", b"2"))],
        [("image", ("a.jpg", b"1"))] * 5,
        [("image", ("a.jpg", b"1")), ("image", (None, b"text"))],
    ],
)
async def test_a_form_has_one_image(parts: list[Any]) -> None:
    empty = {"content": b"--b--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}
    async with Rig().client() as client:
        answer = await client.post(URL, **({"files": parts} if parts else empty))
    problem_of(answer, 400, "one-image")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"no form at all"),
        ("application/json", b"{"),
        ("application/json", b""),
        ("application/json", b"\xff\xfe"),
    ],
)
async def test_a_body_that_cannot_be_read_is_malformed(kind: str, body: bytes) -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, content=body, headers={"Content-Type": kind})
    problem_of(answer, 400, "malformed")


async def test_a_part_that_means_nothing_is_named() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, files=image() | {"modelId": ("", b"7")})
    assert problem_of(answer, 422, "invalid")["errors"] == [{"parameter": "modelId", "detail": "unknown"}]


@pytest.mark.parametrize("data", [b"%PDF-1.7 and more", b"hello, world", b"<svg/>"])
async def test_bytes_that_are_no_image_are_refused_by_their_content(data: bytes) -> None:
    async with Rig(RealDecoding(Preprocess(size=32))).client() as client:
        answer = await client.post(URL, files=image(data, "photo.jpg"))
    problem_of(answer, 415, "unsupported-image")


@pytest.mark.parametrize("data", [picture("a")[:900], PNG, b""])
async def test_a_broken_image_cannot_be_decoded(data: bytes) -> None:
    async with Rig(RealDecoding(Preprocess(size=32))).client() as client:
        answer = await client.post(URL, files=image(data))
    problem_of(answer, 422, "undecodable")


async def test_an_image_of_too_many_pixels_is_a_bomb() -> None:
    async with Rig(RealDecoding(Preprocess(size=32, max_pixels=1000))).client() as client:
        answer = await client.post(URL, files=image(picture("a")))
    assert "the cap is 1,000" in problem_of(answer, 422, "decompression-bomb")["detail"]


async def test_what_a_decoder_stumbles_over_says_nothing_of_its_insides() -> None:
    async with Rig(Stumbling(Unforeseen("ValueError: /srv/secret"))).client() as client:
        answer = await client.post(URL, files=image())
    assert "secret" not in problem_of(answer, 422, "undecodable")["detail"]


async def test_a_bucket_off_the_list_is_not_read() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, json={"location": {"bucket": "other", "key": "a.jpg"}})
    problem_of(answer, 403, "bucket-not-allowed")


@pytest.mark.parametrize("more", [{}, {"version": "7"}])
async def test_an_object_or_version_that_is_not_there_is_gone(more: dict[str, str]) -> None:
    rig = Rig()
    if more:
        await rig.put("a.jpg", b"1")
    async with rig.client() as client:
        answer = await client.post(URL, json={"location": {"bucket": BUCKET, "key": "a.jpg", **more}})
    problem_of(answer, 422, "object-gone")


async def test_an_object_of_too_many_bytes_is_not_fetched() -> None:
    rig = Rig(images=MemoryImages(Limits(buckets=(BUCKET,), max_object_bytes=3)))
    async with rig.client() as client:
        answer = await client.post(URL, json=await rig.put("a.jpg", b"1234"))
    problem_of(answer, 422, "object-too-large")


@pytest.mark.parametrize("body", [{"url": "http://169.254.169.254/"}, {"location": {"url": "file:///etc"}}])
async def test_no_address_is_fetched(body: dict[str, Any]) -> None:
    async with Rig().client() as client:
        problem_of(await client.post(URL, json=body), 400, "urls-not-accepted")


async def test_no_address_in_a_form_is_fetched() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, files={"url": (None, b"http://169.254.169.254/")})
    problem_of(answer, 400, "urls-not-accepted")


@pytest.mark.parametrize("name", ["pizza", "fake@challenger", "fake/2", "", "a b", "fake/1/2", "\N{SNOWMAN}"])
async def test_a_model_version_or_alias_that_nobody_knows_is_not_found(name: str) -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, params={"model": name}, files=image())
    problem_of(answer, 404, "unknown-model")


async def test_what_the_registry_does_not_have_is_not_found() -> None:
    async def resolve(ref: AliasRef | VersionRef) -> str:
        raise ConfigurationError(f"/srv/registry has no {ref}")

    async with Rig(resolve=resolve).client() as client:
        answer = await client.post(URL, params={"model": "fake@challenger"}, files=image())
    assert "/srv" not in problem_of(answer, 404, "unknown-model")["detail"]


async def test_a_version_that_is_not_here_is_said_with_when_to_ask_again() -> None:
    async def resolve(ref: AliasRef | VersionRef) -> str:
        return f"{ref.name}2"

    async with Rig(resolve=resolve).client() as client:
        answer = await client.post(URL, params={"model": "fake@challenger"}, files=image())
    problem_of(answer, 503, "model-not-loaded")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"location": {"bucket": "b", "key": "k", "colour": 1}}, "/location/colour", "unknown field"),
        ({"location": {"bucket": "b", "key": 7}}, "/location/key", "Input should be a valid string"),
        ({"location": {"bucket": "b"}}, "/location/key", "Field required"),
        ({"location": {"bucket": "b", "key": "k"}, "a/b~c": 1}, "/a~1b~0c", "unknown field"),
    ],
)
async def test_a_wrong_field_is_pointed_at(body: dict[str, Any], pointer: str, detail: str) -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, json=body)
    assert problem_of(answer, 422, "invalid")["errors"] == [{"pointer": pointer, "detail": detail}]


async def test_a_body_that_is_no_object_is_invalid_as_a_whole() -> None:
    async with Rig().client() as client:
        said = problem_of(await client.post(URL, json=[1]), 422, "invalid")
    assert said["errors"][0]["pointer"] == ""


@pytest.mark.parametrize("given", ["2", "-1", "high", "nan"])
async def test_a_parameter_out_of_its_range_is_named(given: str) -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, params={"threshold": given}, files=image())
    assert problem_of(answer, 422, "invalid")["errors"][0]["parameter"] == "threshold"


async def test_no_value_that_was_sent_is_repeated() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, json={"location": {"bucket": ["hush"], "key": "k"}})
    assert "hush" not in answer.text


async def test_a_key_over_its_rate_is_told_when_to_ask_again() -> None:
    async with Rig(limits=limits(key_rate=0.5, burst=2.0), clock=Hand()).client() as client:
        assert (await client.post(URL, files=image())).status_code == 200
        answer = await client.post(URL, files=image())
    problem_of(answer, 429, "rate-limited")
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["ratelimit"] == '"predict";r=0'
    assert answer.headers["ratelimit-policy"] == '"predict";q=1;w=2'


async def test_one_keys_rate_is_none_of_another_keys() -> None:
    rig = Rig(limits=limits(key_rate=0.5, burst=2.0), clock=Hand())
    other = await rig.key()
    async with rig.client() as client:
        await client.post(URL, files=image())
        answer = await client.post(URL, files=image(), headers={"Authorization": f"Bearer {other}"})
    assert answer.status_code == 200


async def test_one_more_than_may_be_in_hand_is_refused_at_once() -> None:
    rig = Rig(limits=limits(predictions=1))
    async with rig.client() as client:
        with rig.service.predictor.admission.place():
            answer = await client.post(URL, files=image())
        assert (await client.post(URL, files=image())).status_code == 200
    problem_of(answer, 503, "overloaded")
    assert answer.headers["retry-after"] == "1"


async def test_bodies_that_fill_the_memory_are_refused() -> None:
    async with Rig(limits=limits(bodies_bytes=100)).client() as client:
        problem_of(await client.post(URL, files=image(b"x" * 200)), 503, "overloaded")
        problem_of(await client.post(URL, json={}), 422, "invalid")  # what was held is free again


async def test_a_photograph_that_takes_too_long_misses_its_deadline() -> None:
    async with Rig(FakeTagger(delay=300), limits=limits(deadline=0.02)).client() as client:
        answer = await client.post(URL, files=image())
    problem_of(answer, 503, "deadline")
    assert answer.headers["retry-after"] == "1"


async def test_storage_that_is_away_is_named_and_its_host_is_not() -> None:
    rig = Rig(images=AwayImages(Limits(buckets=(BUCKET,)), times=1))
    async with rig.client() as client:
        answer = await client.post(URL, json=await rig.put("a.jpg", b"1"))
    assert problem_of(answer, 503, "unavailable")["detail"] == "s3 is away"
    assert answer.headers["retry-after"] == "5"


class AwayKeys(MemoryScores):
    """Keys that cannot be asked for."""

    async def key(self, key_id: str) -> Any:  # noqa: ARG002
        """Away."""
        raise Unavailable("store", "mongodb://10.0.0.7:27017 refuses")


async def test_nobody_is_let_in_while_the_keys_are_away() -> None:
    async with Rig(store=AwayKeys()).client() as client:
        answer = await client.post(URL, files=image())
    assert problem_of(answer, 503, "unavailable")["detail"] == "store is away"


@pytest.mark.parametrize("error", [RuntimeError("10.0.0.7 secret"), Broken("10.0.0.7 secret")])
async def test_what_nobody_foresaw_says_its_request_id_and_is_logged_with_its_stack(error: Exception) -> None:
    with capture_logs() as lines:
        async with Rig(Stumbling(error)).client() as client:
            answer = await client.post(URL, files=image(), headers={"X-Request-ID": "r-1"})
    said = problem_of(answer, 500, "internal")
    assert said["request_id"] == "r-1"
    assert "secret" not in json.dumps(dict(said))
    (line,) = [each for each in lines if each["log_level"] == "error"]
    assert line["exc_info"]


async def test_a_path_that_does_not_exist_is_not_found() -> None:
    async with Rig().client() as client:
        problem_of(await client.get("/v1/nothing"), 404, "not-found")


async def test_a_method_that_a_resource_does_not_know_is_refused_with_those_it_does() -> None:
    async with Rig().client() as client:
        answer = await client.get(URL)
        several = await client.delete("/v1/batches")
    problem_of(answer, 405, "method-not-allowed")
    assert (answer.headers["allow"], several.headers["allow"]) == ("POST", "GET, POST")


async def test_who_goes_away_with_his_body_unsent_is_no_failure_of_ours() -> None:
    rig = Rig()
    sent: list[Any] = []
    token = await rig.key()

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    with capture_logs() as lines:
        async with rig.client(token) as client:
            request = client.build_request("POST", URL, files=image())
            app: Any = _app(client)
            await app(_scope(request), receive, send)
    assert sent == []
    assert "error" not in {each["log_level"] for each in lines}
    gone = {"route": URL, "status": "0"}
    assert rig.metrics.registry.get_sample_value("tagstream_http_answers_total", gone) == 1


def _app(client: httpx.AsyncClient) -> object:
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    return transport.app


def _scope(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": b"",
        "server": ("api", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }


async def test_a_parameter_that_is_spelt_wrong_is_named() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, params={"treshold": "0.5"}, files=image())
    assert problem_of(answer, 422, "invalid")["errors"] == [
        {"parameter": "treshold", "detail": "unknown parameter"}
    ]
