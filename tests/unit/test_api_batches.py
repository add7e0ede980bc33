"""`/v1/batches`: submitted once, looked at, steered, and its errors paged; wrong requests are refused."""

from __future__ import annotations

from typing import Any

import pytest

from console.api.batches import POLL_SECONDS
from operations import batch_jobs
from schemas.api_keys import Scope
from schemas.batch_jobs import BatchJob, BatchState
from schemas.uploads import Location

from .batch_rig import BatchRig
from .console_rig import Rig, problem_of

LIST = {"bucket": "photos", "key": "jobs/nov.csv"}
RESULTS = {"bucket": "photos", "prefix": "jobs/nov/"}
BODY: dict[str, Any] = {"input": LIST, "output": RESULTS}


class Api(Rig):
    """The API, and servers that work at the same jobs."""

    def __init__(self) -> None:
        super().__init__()
        self.work = BatchRig(tagger=self.tagger, store=self.store, objects=self.images)


@pytest.fixture
async def api() -> Api:
    made = Api()
    await made.work.list_of("a.jpg", "b.jpg")
    return made


async def test_a_submitted_batch_is_told_where_it_is_and_when_to_look(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        answer = await client.post("/v1/batches", json=BODY)

        said = answer.json()
        assert answer.status_code == 202
        assert answer.headers["location"] == said["links"]["self"] == f"/v1/batches/{said['id']}"
        assert answer.headers["retry-after"] == str(POLL_SECONDS)
        assert "idempotency-replayed" not in answer.headers
        assert (said["state"], said["why"], said["code"]) == ("running", "", None)
        assert said["rows"] == {"total": None, "read": 0, "done": 0, "failed": 0}
        assert said["model"]["digest"] == f"sha256:{api.tagger.model.digest}"
        assert said["output"]["manifest"] == "s3://photos/jobs/nov/manifest.json"
        assert (await client.get(answer.headers["location"])).json()["id"] == said["id"]


async def test_a_finished_batch_says_its_rows_and_their_errors(api: Api) -> None:
    await api.images.remove(Location(bucket="photos", key="b.jpg"))
    async with api.client(await api.key(Scope.BATCH)) as client:
        here = (await client.post("/v1/batches", json=BODY)).headers["location"]
        await api.work.work()

        said = (await client.get(here)).json()
        assert (said["state"], said["progress"], said["errors"]) == ("finished", 1.0, {"gone": 1})
        assert said["rows"] == {"total": 2, "read": 2, "done": 2, "failed": 1}
        assert said["finished_at"]
        errors = (await client.get(f"{here}/errors")).json()
        assert errors["next"] is None
        (row,) = errors["items"]
        assert (row["row"], row["image"], row["error"]) == (2, "b.jpg", "gone")


async def test_the_same_request_under_one_idempotency_key_makes_one_job(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        first = await client.post("/v1/batches", json=BODY, headers={"Idempotency-Key": '"nov-1"'})
        await api.work.work()
        second = await client.post("/v1/batches", json=BODY, headers={"Idempotency-Key": "nov-1"})

        assert second.status_code == 202
        assert second.headers["idempotency-replayed"] == "true"
        assert second.json()["id"] == first.json()["id"]
        assert len(await api.store.batches()) == 1


async def test_another_request_under_the_same_key_is_refused(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        await client.post("/v1/batches", json=BODY, headers={"Idempotency-Key": "nov"})
        other = {**BODY, "max_failed": 0.1}
        answer = await client.post("/v1/batches", json=other, headers={"Idempotency-Key": "nov"})
        problem_of(answer, 422, "idempotency-mismatch")


async def test_the_same_idempotency_key_of_another_api_key_is_another_one(api: Api) -> None:
    made = []
    for results in ("one/", "two/"):
        body = {**BODY, "output": {**RESULTS, "prefix": results}}
        async with api.client(await api.key(Scope.BATCH)) as client:
            answer = await client.post("/v1/batches", json=body, headers={"Idempotency-Key": "nov"})
            made.append(answer.json()["id"])
    assert len(set(made)) == 2


async def test_an_idempotency_key_is_visible_ascii(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        for key in ("", "a b", "a" * 256):
            answer = await client.post("/v1/batches", json=BODY, headers={"Idempotency-Key": key})
            problem_of(answer, 400, "malformed")


async def test_without_the_scope_nothing_is_read_or_told(api: Api) -> None:
    async with api.client(await api.key(Scope.PREDICT)) as client:
        for method, path in (
            ("POST", ""),
            ("GET", ""),
            ("GET", "/bat_x"),
            ("GET", "/bat_x/errors"),
            ("POST", "/bat_x/cancel"),
            ("POST", "/bat_x/resume"),
        ):
            answer = await client.request(method, f"/v1/batches{path}", content=b"x" * 100)
            problem_of(answer, 403, "forbidden")


async def test_a_list_that_is_not_there_is_gone(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        answer = await client.post("/v1/batches", json={**BODY, "input": {**LIST, "key": "no.csv"}})
        problem_of(answer, 422, "object-gone")


async def test_buckets_off_the_allow_list_are_refused_wherever_they_are_named(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        for body in (
            {**BODY, "input": {**LIST, "bucket": "secrets"}},
            {**BODY, "output": {**RESULTS, "bucket": "secrets"}},
            {**BODY, "input": {**LIST, "base": "s3://secrets/r1"}},
        ):
            problem_of(await client.post("/v1/batches", json=body), 403, "bucket-not-allowed")
    assert await api.store.batches() == ()


async def test_a_missing_column_is_told_with_those_that_there_are(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        answer = await client.post("/v1/batches", json={**BODY, "input": {**LIST, "column": "imgae"}})
        assert "image" in problem_of(answer, 422, "unreadable-list")["detail"]


async def test_a_list_of_no_known_format_has_to_say_it(api: Api) -> None:
    await api.work.put("jobs/nov", b"image\na.jpg\n")
    async with api.client(await api.key(Scope.BATCH)) as client:
        silent = {**LIST, "key": "jobs/nov"}
        problem_of(await client.post("/v1/batches", json={**BODY, "input": silent}), 422, "unreadable-list")
        said = {**BODY, "input": {**silent, "format": "csv"}}
        assert (await client.post("/v1/batches", json=said)).status_code == 202


async def test_results_do_not_go_where_something_stands(api: Api) -> None:
    await api.work.put("jobs/nov/a.jpg", b"somebody's photograph")
    async with api.client(await api.key(Scope.BATCH)) as client:
        answer = await client.post("/v1/batches", json=BODY)
        assert "jobs/nov/a.jpg" in problem_of(answer, 409, "output-not-empty")["detail"]


async def test_results_do_not_go_where_those_of_a_running_job_will(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        first = (await client.post("/v1/batches", json=BODY)).json()
        again = await client.post("/v1/batches", json=BODY)
        assert first["id"] in problem_of(again, 409, "output-not-empty")["detail"]


async def test_an_unknown_model_is_refused_before_anything_is_kept(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        answer = await client.post("/v1/batches", json={**BODY, "model": "fake@nobody"})
        problem_of(answer, 404, "unknown-model")
    assert await api.store.batches() == ()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/input"),
        ({**BODY, "colour": 1}, "/colour"),
        ({**BODY, "input": {**LIST, "key": 1}}, "/input/key"),
        ({**BODY, "input": {**LIST, "base": "r1/"}}, "/input/base"),
        ({**BODY, "output": {**RESULTS, "format": "xlsx"}}, "/output/format"),
        ({**BODY, "max_failed": 2}, "/max_failed"),
    ],
)
async def test_a_wrong_field_is_told_by_its_pointer(api: Api, body: dict[str, Any], pointer: str) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        said = problem_of(await client.post("/v1/batches", json=body), 422, "invalid")
        assert pointer in [each["pointer"] for each in said["errors"]]


async def test_a_body_that_is_no_json_and_one_that_is_too_large_are_refused(api: Api) -> None:
    json = {"Content-Type": "application/json"}
    async with api.client(await api.key(Scope.BATCH)) as client:
        problem_of(await client.post("/v1/batches", content=b"{", headers=json), 400, "malformed")
        problem_of(await client.post("/v1/batches", content=b"a=1"), 415, "unsupported-media-type")
        large = await client.post("/v1/batches", content=b" " * (2**20 + 1), headers=json)
        problem_of(large, 413, "too-large")


async def test_an_unknown_batch_is_told_with_the_nearest(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        known = (await client.post("/v1/batches", json=BODY)).json()["id"]
        wrong = f"{known[:-1]}{'0' if known[-1] != '0' else '1'}"
        for method, path in (("GET", ""), ("GET", "/errors"), ("POST", "/cancel"), ("POST", "/resume")):
            answer = await client.request(method, f"/v1/batches/{wrong}{path}")
            assert known in problem_of(answer, 404, "not-found")["detail"]


async def test_a_batch_is_cancelled_and_resumed(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        here = (await client.post("/v1/batches", json=BODY)).headers["location"]
        assert (await client.post(f"{here}/cancel")).json()["state"] == "cancelled"
        await api.work.work()
        assert api.tagger.forwards == 0
        resumed = await client.post(f"{here}/resume", json={"max_failed": 1})
        assert resumed.json()["state"] == "running"
        await api.work.work()
        problem_of(await client.post(f"{here}/cancel"), 409, "conflict")
        problem_of(await client.post(f"{here}/resume"), 409, "conflict")
    (job,) = await batch_jobs.listed(api.store)
    assert isinstance(job, BatchJob)
    assert (job.state, job.max_failed) == (BatchState.FINISHED, 1.0)


async def test_batches_are_listed_the_newest_first_a_page_at_a_time(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        made = []
        for number in range(5):
            body = {**BODY, "output": {**RESULTS, "prefix": f"out/{number}/"}}
            made.append((await client.post("/v1/batches", json=body)).json()["id"])
        seen: list[str] = []
        cursor: str | None = None
        while True:
            asked: dict[str, Any] = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            page = (await client.get("/v1/batches", params=asked)).json()
            seen += [each["id"] for each in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
    assert seen == made[::-1]


async def test_errors_are_paged_through_all_parts(api: Api) -> None:
    images = [f"gone/{number}.jpg" if number % 2 else "a.jpg" for number in range(2_500)]
    await api.work.list_of(*images, key="jobs/long.csv", are_there=False)
    async with api.client(await api.key(Scope.BATCH)) as client:
        body = {**BODY, "input": {**LIST, "key": "jobs/long.csv"}}
        here = (await client.post("/v1/batches", json=body)).headers["location"]
        await api.work.work()
        seen: list[tuple[int, str]] = []
        cursor: str | None = None
        while True:
            asked: dict[str, Any] = {"limit": 400, **({"cursor": cursor} if cursor else {})}
            answer = await client.get(f"{here}/errors", params=asked)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert len(page["items"]) <= 400
            seen += [(each["row"], each["image"]) for each in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
    assert seen == [(number + 1, image) for number, image in enumerate(images) if number % 2]


async def test_a_cursor_of_another_list_is_refused(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        here = (await client.post("/v1/batches", json=BODY)).headers["location"]
        for path in ("/v1/batches", f"{here}/errors"):
            for cursor in ("x", "bm9uZQ", "WzFd", "W3RydWUsMV0", "é"):
                answer = await client.get(path, params={"cursor": cursor})
                assert problem_of(answer, 422, "invalid")["errors"][0]["parameter"] == "cursor"


async def test_a_parameter_that_is_spelt_wrong_is_refused(api: Api) -> None:
    async with api.client(await api.key(Scope.BATCH)) as client:
        here = (await client.post("/v1/batches", json=BODY)).headers["location"]
        for path in ("/v1/batches", here, f"{here}/errors"):
            said = problem_of(await client.get(path, params={"limt": 1}), 422, "invalid")
            assert said["errors"] == [{"parameter": "limt", "detail": "unknown parameter"}]
        problem_of(await client.post(f"{here}/cancel", params={"now": 1}), 422, "invalid")
