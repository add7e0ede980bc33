"""Labelling service's shape: clients that were written for another API work with another host and key."""

from __future__ import annotations

import base64

import pytest

from agents.testing import LABELS
from schemas.errors import Unforeseen
from tests.unit.console_rig import Hand, Rig, Stumbling, limits, problem_of

URL = "/v1/compat/predictions"


def files(*named: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", each) for each in named]


def as_user(token: str, password: str = "") -> dict[str, str]:
    said = base64.b64encode(f"{token}:{password}".encode()).decode()
    return {"Authorization": f"Basic {said}"}


async def test_each_file_is_answered_in_order_with_every_label_the_likeliest_first() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, files=files(("a.jpg", b"1"), ("b.jpg", b"2")))
    said = answer.json()
    assert (answer.status_code, said["message"]) == (200, "Success")
    assert [each["input"] for each in said["result"]] == ["a.jpg", "b.jpg"]
    for each in said["result"]:
        assert each.keys() == {"message", "input", "prediction"}
        probabilities = [one["probability"] for one in each["prediction"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert {one["label"] for one in each["prediction"]} == set(LABELS)
        assert all(isinstance(one, float) for one in probabilities)


async def test_a_broken_file_stands_beside_a_good_one_with_its_reason() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, files=files(("a.jpg", b"1"), ("b.jpg", b"broken")))
    good, broken = answer.json()["result"]
    assert (answer.status_code, answer.json()["message"]) == (200, "Success")
    assert (good["message"], len(good["prediction"])) == ("", len(LABELS))
    assert broken["message"] == "undecodable: the bytes say so themselves"
    assert (broken["input"], broken["prediction"]) == ("b.jpg", [])


async def test_where_every_file_is_broken_the_whole_has_failed() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, files=files(("a.jpg", b"broken"), ("b.jpg", b"broken")))
    said = answer.json()
    assert (answer.status_code, said["message"]) == (422, "Failed")
    assert answer.headers["content-type"] == "application/json"
    assert [bool(each["message"]) for each in said["result"]] == [True, True]


async def test_a_file_that_a_decoder_stumbles_over_says_nothing_of_its_insides() -> None:
    async with Rig(Stumbling(Unforeseen("KeyError: secret"))).client() as client:
        answer = await client.post(URL, files=files(("a.jpg", b"1")))
    assert answer.json()["result"][0]["message"] == "undecodable: decoding it fails"


@pytest.mark.parametrize("password", ["", "anything"])
async def test_the_key_may_be_the_users_name(password: str) -> None:
    rig = Rig()
    token = await rig.key()
    async with rig.client(None) as client:
        answer = await client.post(URL, files=files(("a.jpg", b"1")), headers=as_user(token, password))
    assert answer.status_code == 200


async def test_the_key_as_the_users_name_is_for_this_resource_alone() -> None:
    rig = Rig()
    token = await rig.key()
    async with rig.client(None) as client:
        answer = await client.post("/v1/predictions", files={"image": b"1"}, headers=as_user(token))
    problem_of(answer, 401, "unauthenticated")


@pytest.mark.parametrize("said", ["Basic", "Basic ???", "Basic 4pyT", "Basic dGVzdDp0ZXN0"])
async def test_a_user_who_is_no_key_is_refused(said: str) -> None:
    async with Rig().client(None) as client:
        answer = await client.post(URL, files=files(("a.jpg", b"1")), headers={"Authorization": said})
    problem_of(answer, 401, "unauthenticated")


async def test_sixteen_files_are_taken() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, files=files(*((f"{i}.jpg", bytes([i])) for i in range(16))))
    assert [each["input"] for each in answer.json()["result"]] == [f"{i}.jpg" for i in range(16)]


@pytest.mark.parametrize("count", [17, 40])
async def test_more_than_sixteen_files_are_refused(count: int) -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, files=files(*((f"{i}.jpg", b"1") for i in range(count))))
    problem_of(answer, 400, "one-image")


async def test_a_form_without_a_file_is_refused() -> None:
    async with Rig().client() as client:
        problem_of(await client.post(URL, files={"file": (None, b"text")}), 400, "one-image")


async def test_the_addresses_that_the_other_service_fetches_are_not_fetched() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, files={"urls": (None, b"http://169.254.169.254/")})
    problem_of(answer, 400, "urls-not-accepted")


async def test_what_is_no_form_is_refused() -> None:
    async with Rig().client() as client:
        problem_of(await client.post(URL, json={"file": "a"}), 415, "unsupported-media-type")


async def test_each_file_counts_in_the_keys_rate() -> None:
    async with Rig(limits=limits(key_rate=2.0, burst=2.0), clock=Hand()).client() as client:
        first = await client.post(URL, files=files(("a", b"1"), ("b", b"2"), ("c", b"3")))
        second = await client.post(URL, files=files(("a", b"1"), ("b", b"2")))
    assert first.headers["ratelimit"] == '"predict";r=1'
    problem_of(second, 429, "rate-limited")


async def test_a_server_that_is_full_refuses_the_whole_and_not_each_file() -> None:
    rig = Rig(limits=limits(predictions=1))
    async with rig.client() as client:
        with rig.service.predictor.admission.place():
            answer = await client.post(URL, files=files(("a.jpg", b"1")))
    problem_of(answer, 503, "overloaded")


async def test_a_files_name_is_answered_as_it_came() -> None:
    async with Rig().client() as client:
        answer = await client.post(
            URL, files=files(("../caf\N{LATIN SMALL LETTER E WITH ACUTE} 1.jpg", b"1"))
        )
    assert answer.json()["result"][0]["input"] == "../caf\N{LATIN SMALL LETTER E WITH ACUTE} 1.jpg"
