"""Predictions over HTTP: what a photograph is answered, and that nothing of it stays."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime

import httpx
from structlog.testing import capture_logs

from agents.testing import LABELS
from model.preprocess import Preprocess
from operations import api_keys
from schemas import topics
from schemas.api_tokens import ApiToken
from tests.unit.console_rig import BUCKET, Hand, RealDecoding, Rig, image, problem_of
from tests.unit.data_builders import picture


async def test_a_photograph_is_answered_with_every_label_the_likeliest_first() -> None:
    async with Rig().client() as client:
        answer = await client.post("/v1/predictions", files=image())
    said = answer.json()
    probabilities = [each["probability"] for each in said["labels"]]
    assert answer.status_code == 200
    assert {each["label"] for each in said["labels"]} == set(LABELS)
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(each["applied"] == (each["probability"] >= 0.7) for each in said["labels"])
    assert said["verdict"]["tags"] == [each["label"] for each in said["labels"] if each["applied"]]
    assert said["model"] == {
        "name": "fake",
        "version": "1",
        "digest": f"sha256:{hashlib.sha256(b'1').hexdigest()}",
    }
    assert said["timing"].keys() == {"decode_ms", "queue_ms", "forward_ms", "batch_size"}


async def test_what_the_file_is_is_told_by_its_content() -> None:
    data = picture("a", (96, 72))
    async with Rig(RealDecoding(Preprocess(size=32))).client() as client:
        said = (await client.post("/v1/predictions", files=image(data, "a.gif"))).json()
    digest = hashlib.sha256(data).hexdigest()
    assert said["image"] == {"sha256": digest, "width": 96, "height": 72, "format": "jpeg"}


async def test_an_object_in_storage_is_predicted_as_its_bytes_are() -> None:
    rig = Rig()
    body = await rig.put("r1/a.jpg", b"a photograph")
    async with rig.client() as client:
        sent = (await client.post("/v1/predictions", files=image())).json()
        stored = (await client.post("/v1/predictions", json=body)).json()
    assert stored["labels"] == sent["labels"]
    assert stored["image"] == sent["image"]
    assert [each.key for each in rig.images.fetched] == ["r1/a.jpg"]


async def test_a_threshold_takes_the_place_of_the_models_own_and_moves_no_route() -> None:
    async with Rig().client() as client:
        own = (await client.post("/v1/predictions", files=image())).json()
        low = (await client.post("/v1/predictions?threshold=0", files=image())).json()
    assert {each["threshold"] for each in low["labels"]} == {0}
    assert set(low["verdict"]["tags"]) == set(LABELS)
    assert low["verdict"]["routes"] == own["verdict"]["routes"]
    assert set(own["verdict"]["routes"]) <= {topics.MODERATION, topics.AMBIANCE}


async def test_the_version_that_serves_can_be_named() -> None:
    async with Rig().client() as client:
        for name in ("fake", "fake/1", "fake@champion"):
            answer = await client.post("/v1/predictions", params={"model": name}, files=image())
            assert (answer.status_code, answer.json()["model"]["version"]) == (200, "1")


async def test_a_prediction_leaves_nothing_but_the_keys_last_use() -> None:
    rig = Rig()
    body = await rig.put("a.jpg", b"a photograph")
    token = await rig.key()
    before = dict(rig.images.objects)
    async with rig.client(token) as client:
        for answer in (
            await client.post("/v1/predictions", files=image()),
            await client.post("/v1/predictions", json=body),
        ):
            assert answer.status_code == 200
    assert await rig.store.scan() == ()
    assert await rig.store.statements() == ()
    assert await rig.store.jobs() == ()
    assert await rig.store.workers() == ()
    assert rig.images.objects == before
    (key,) = await api_keys.listed(rig.store)
    assert key.id in token
    assert "last_used_at" in rig.store.key_documents[key.id]


async def test_the_bytes_of_a_photograph_are_in_no_log() -> None:
    with capture_logs() as lines:
        async with Rig().client() as client:
            await client.post("/v1/predictions", files=image(b"broken-and-secret"))
    assert "secret" not in str(lines)


async def test_the_callers_request_id_is_the_predictions() -> None:
    async with Rig().client() as client:
        answer = await client.post("/v1/predictions", files=image(), headers={"X-Request-ID": "shop-17"})
    assert answer.json()["id"] == answer.headers["x-request-id"] == "shop-17"


async def test_a_request_id_that_a_log_would_stumble_over_is_replaced() -> None:
    async with Rig().client() as client:
        answer = await client.post("/v1/predictions", files=image(), headers={"X-Request-ID": "a b"})
    assert answer.headers["x-request-id"].startswith("req_")


async def test_an_answer_says_what_is_left_of_the_keys_rate() -> None:
    async with Rig(clock=Hand()).client() as client:
        answer = await client.post("/v1/predictions", files=image())
    assert answer.headers["ratelimit"] == '"predict";r=199'
    assert answer.headers["ratelimit-policy"] == '"predict";q=200;w=2'


async def test_a_photograph_of_many_chunks_is_read_to_its_end() -> None:
    data = b"x" * 300_000
    async with Rig().client() as client:
        answer = await client.post("/v1/predictions", files={"image": ("a.jpg", io.BytesIO(data))})
    assert answer.json()["image"]["sha256"] == hashlib.sha256(data).hexdigest()


async def test_a_revoked_key_is_refused_within_a_second() -> None:
    clock = Hand()
    rig = Rig(clock=clock)
    token = await rig.key()
    async with rig.client(token) as client:
        assert (await client.post("/v1/predictions", files=image())).status_code == 200
        await api_keys.revoke(rig.store, _id(token), by="bo", now=datetime.now(UTC))
        clock.now += 0.99
        answer = await client.post("/v1/predictions", files=image())
    assert "revoked" in problem_of(answer, 401, "unauthenticated")["detail"]


async def test_a_key_is_not_asked_for_again_at_once() -> None:
    clock = Hand()
    rig = Rig(clock=clock)
    token = await rig.key()
    async with rig.client(token) as client:
        await client.post("/v1/predictions", files=image())
        await api_keys.revoke(rig.store, _id(token), by="bo", now=datetime.now(UTC))
        answer = await client.post("/v1/predictions", files=image())
    assert answer.status_code == 200


async def test_predictions_side_by_side_are_each_answered() -> None:
    async with Rig().client() as client:
        answers = [await client.post("/v1/predictions", files=image(bytes([i]))) for i in range(9)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["image"]["sha256"] for answer in answers}) == 9


async def test_answers_are_counted_by_route_and_status() -> None:
    rig = Rig()
    async with rig.client() as client:
        await client.post("/v1/predictions", files=image())
        await client.get("/made/up")
    counted = rig.metrics.registry.get_sample_value
    asked = {"route": "/v1/predictions", "status": "200"}
    assert counted("tagstream_http_answers_total", asked) == 1
    assert counted("tagstream_http_answers_total", {"route": "none", "status": "404"}) == 1


async def test_a_bucket_with_a_photograph_needs_no_more_than_its_key() -> None:
    rig = Rig()
    await rig.put("a.jpg", b"1")
    async with rig.client() as client:
        answer: httpx.Response = await client.post(
            "/v1/predictions",
            content=b'{"location": {"bucket": "photos", "key": "a.jpg"}}',
            headers={"Content-Type": "Application/JSON; charset=utf-8"},
        )
    assert answer.status_code == 200
    assert rig.images.fetched[0].bucket == BUCKET


def _id(token: str) -> str:
    parsed = ApiToken.parse(token)
    assert parsed
    return parsed.id
