"""Open Inference Protocol over HTTP: tensors as JSON and as binary data, pixels, metadata and errors."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any, Final

import httpx
import numpy as np
import pytest

from agents.testing import LABELS, FakeTagger
from model.registry.refs import AliasRef, VersionRef
from schemas.errors import Undecodable
from tests.unit.console_rig import Hand, Rig, Stumbling, limits

URL: Final = "/v2/models/fake/infer"
LENGTH: Final = "Inference-Header-Content-Length"


class SmallTagger(FakeTagger):
    """Fed with 4 x 4 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.input_side = 4


def tensor(*files: bytes, **changed: Any) -> dict[str, Any]:
    """Files as JSON."""
    data = [base64.b64encode(each).decode() for each in files]
    return {
        "name": "image",
        "datatype": "BYTES",
        "shape": [len(files)],
        "parameters": {"content_type": "base64"},
        "data": data,
    } | changed


def asked(*inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"inputs": list(inputs), **more}


def binary(request: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """What to send for a request whose data follow it."""
    head = json.dumps(request).encode()
    return {"content": head + raw, "headers": {LENGTH: str(len(head))}}


def elements(*files: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(each)) + each for each in files)


def pixels(*shape: int, **changed: Any) -> dict[str, Any]:
    data = list(range(int(np.prod(shape))))
    return {"name": "image", "datatype": "UINT8", "shape": list(shape), "data": data} | changed


def error_of(answer: httpx.Response, status: int) -> str:
    """An error as the protocol has it, and nothing else."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"error"}
    return str(answer.json()["error"])


async def test_files_in_base64_are_scored_in_order() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, json=asked(tensor(b"one", b"two"), id="7"))
        alone = await client.post(URL, json=asked(tensor(b"two")))
    said = answer.json()
    scores, labels = said.pop("outputs")
    assert (answer.status_code, said) == (200, {"model_name": "fake", "model_version": "1", "id": "7"})
    assert (scores["name"], scores["datatype"], scores["shape"]) == (
        "probabilities",
        "FP32",
        [2, len(LABELS)],
    )
    assert labels == {"name": "labels", "datatype": "BYTES", "shape": [len(LABELS)], "data": list(LABELS)}
    assert scores["data"][len(LABELS) :] == alone.json()["outputs"][0]["data"]


async def test_files_as_binary_data_are_scored_as_those_in_json_are() -> None:
    said = tensor(b"one", b"two", parameters={"binary_data_size": 14})
    del said["data"]
    async with Rig().client() as client:
        plain = await client.post(URL, json=asked(tensor(b"one", b"two")))
        answer = await client.post(URL, **binary(asked(said), elements(b"one", b"two")))
    assert answer.json() == plain.json()


async def test_outputs_are_sent_as_binary_data_where_they_are_wanted_so() -> None:
    request = asked(tensor(b"one"), parameters={"binary_data_output": True})
    async with Rig().client() as client:
        plain = await client.post(URL, json=asked(tensor(b"one")))
        answer = await client.post(URL, json=request)
    at = int(answer.headers[LENGTH])
    scores, labels = json.loads(answer.content[:at])["outputs"]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert scores["parameters"] == {"binary_data_size": 4 * len(LABELS)}
    assert "data" not in scores
    raw, words = answer.content[at : at + 4 * len(LABELS)], answer.content[at + 4 * len(LABELS) :]
    assert np.allclose(np.frombuffer(raw, "<f4"), plain.json()["outputs"][0]["data"])
    assert words == elements(*(each.encode() for each in LABELS))
    assert labels["parameters"] == {"binary_data_size": len(words)}


async def test_the_outputs_that_are_named_are_sent_each_as_it_is_wanted() -> None:
    outputs = [{"name": "labels"}, {"name": "probabilities", "parameters": {"binary_data": True}}]
    async with Rig().client() as client:
        answer = await client.post(URL, json=asked(tensor(b"one"), outputs=outputs))
    at = int(answer.headers[LENGTH])
    labels, scores = json.loads(answer.content[:at])["outputs"]
    assert labels["data"] == list(LABELS)
    assert scores["parameters"] == {"binary_data_size": len(answer.content) - at}


async def test_pixels_of_the_models_own_side_are_scored() -> None:
    async with Rig(SmallTagger()).client() as client:
        plain = await client.post(URL, json=asked(pixels(2, 3, 4, 4)))
        raw = pixels(2, 3, 4, 4, parameters={"binary_data_size": 96})
        del raw["data"]
        answer = await client.post(URL, **binary(asked(raw), bytes(range(96))))
    assert plain.status_code == 200
    assert plain.json()["outputs"][0]["shape"] == [2, len(LABELS)]
    assert answer.json() == plain.json()


@pytest.mark.parametrize("shape", [(1, 3, 5, 5), (1, 1, 4, 4), (1, 4, 4, 3)])
async def test_pixels_of_another_side_are_refused_with_the_models_own(shape: tuple[int, ...]) -> None:
    async with Rig(SmallTagger()).client() as client:
        answer = await client.post(URL, json=asked(pixels(*shape)))
    assert "[N, 3, 4, 4]" in error_of(answer, 400)


@pytest.mark.parametrize(
    "data",
    [
        [256] * 48,
        [-1] * 48,
        [0.5] * 48,
        ["1"] * 48,
        [0] * 47,
        [],
        None,
        [[1], [1, 2]],
        [True] * 48,
        [2**70] * 48,
    ],
)
async def test_pixels_that_are_none_are_refused(data: object) -> None:
    async with Rig(SmallTagger()).client() as client:
        error_of(await client.post(URL, json=asked(pixels(1, 3, 4, 4, data=data))), 400)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"inputs": []},
        asked(tensor(b"1"), tensor(b"2")),
        asked(tensor(b"1", name="text")),
        asked(tensor(b"1", datatype="FP32")),
        asked(tensor(b"1", shape=[2])),
        asked(tensor(b"1", shape=[])),
        asked(tensor(b"1", shape=[0])),
        asked(tensor(b"1", shape=[-1])),
        asked(tensor(b"1", shape=[1, 1, 1])),
        asked(tensor(shape=[4, 2**62])),
        asked(tensor(b"1", shape=[2**63])),
        asked(tensor(b"1", data=["\N{SNOWMAN}"])),
        asked(tensor(b"1", data=[7])),
        asked(tensor(b"1", data=["a"])),
        asked(tensor(b"1", data=None)),
        asked(tensor(b"1", parameters={})),
        asked(tensor(b"1", parameters={"binary_data_size": 5})),
        asked(tensor(b"1"), outputs=[{"name": "boxes"}]),
        asked(*[tensor(*[b"1"] * 33)]),
        asked(pixels(48)),
    ],
)
async def test_a_request_that_is_none_of_this_models_is_refused(request_: dict[str, Any]) -> None:
    async with Rig().client() as client:
        assert error_of(await client.post(URL, json=request_), 400)


@pytest.mark.parametrize("raw", [b"\x01", struct.pack("<I", 9) + b"12", elements(b"1", b"2"), b""])
async def test_binary_data_that_do_not_add_up_are_refused(raw: bytes) -> None:
    said = tensor(b"1", parameters={"binary_data_size": len(raw)})
    del said["data"]
    async with Rig().client() as client:
        error_of(await client.post(URL, **binary(asked(said), raw)), 400)


@pytest.mark.parametrize("length", ["-1", "999", "ten", "", "1e2", "9" * 5000])
async def test_a_length_that_is_not_within_the_body_is_refused(length: str) -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, content=b"{}", headers={LENGTH: length})
    error_of(answer, 400)


async def test_an_image_that_cannot_be_decoded_ends_the_whole_request() -> None:
    async with Rig().client() as client:
        answer = await client.post(URL, json=asked(tensor(b"one", b"broken")))
    assert error_of(answer, 422) == "the bytes say so themselves"


async def test_every_image_counts_in_the_keys_rate() -> None:
    async with Rig(limits=limits(key_rate=2.0, burst=2.0), clock=Hand()).client() as client:
        first = await client.post(URL, json=asked(tensor(b"1", b"2", b"3")))
        second = await client.post(URL, json=asked(tensor(b"1", b"2")))
    assert first.headers["ratelimit"] == '"predict";r=1'
    error_of(second, 429)
    assert second.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "path", [URL, "/v2/models/fake", "/v2/models/fake/ready", "/v2/models/fake/versions/1"]
)
async def test_without_a_key_the_error_is_the_protocols_and_says_how_to_show_one(path: str) -> None:
    async with Rig().client(None) as client:
        answer = await (client.post(path, json={}) if path == URL else client.get(path))
    error_of(answer, 401)
    assert "www-authenticate" in answer.headers


async def test_what_nobody_foresaw_is_the_protocols_error_too() -> None:
    async with Rig(Stumbling(RuntimeError("secret"))).client() as client:
        answer = await client.post(URL, json=asked(tensor(b"1")))
    assert "secret" not in error_of(answer, 500)


async def test_a_path_that_the_protocol_does_not_have_is_its_error() -> None:
    async with Rig().client() as client:
        error_of(await client.get("/v2/repository"), 404)
        error_of(await client.post("/v2"), 405)


@pytest.mark.parametrize("name", ["pizza", "fake/versions/2", "fake@x", "%2e%2e"])
async def test_a_model_or_version_that_nobody_knows_is_not_found(name: str) -> None:
    async with Rig().client() as client:
        error_of(await client.post(f"/v2/models/{name}/infer", json=asked(tensor(b"1"))), 404)
        error_of(await client.get(f"/v2/models/{name}"), 404)
        error_of(await client.get(f"/v2/models/{name}/ready"), 404)


async def test_the_version_that_serves_can_be_named() -> None:
    async with Rig().client() as client:
        answer = await client.post("/v2/models/fake/versions/1/infer", json=asked(tensor(b"1")))
    assert answer.json()["model_version"] == "1"


async def test_whether_it_runs_and_is_ready_is_said_without_a_key() -> None:
    async with Rig().client(None) as client:
        for path in ("/v2/health/live", "/v2/health/ready", "/v2"):
            assert (await client.get(path)).status_code == 200


async def test_a_server_that_is_not_ready_says_so() -> None:
    async with Rig(is_ready=False).client(None) as client:
        error_of(await client.get("/v2/health/ready"), 503)
        assert (await client.get("/v2/health/live")).status_code == 200


@pytest.mark.parametrize("path", ["/v2/models/fake", "/v2/models/fake/versions/1"])
async def test_what_the_model_takes_and_gives_is_said(path: str) -> None:
    async with Rig().client() as client:
        said = (await client.get(path)).json()
    assert (said["name"], said["versions"]) == ("fake", ["1"])
    assert said["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert [(each["name"], each["shape"]) for each in said["outputs"]] == [
        ("probabilities", [-1, len(LABELS)]),
        ("labels", [len(LABELS)]),
    ]


async def test_a_model_that_is_loaded_is_ready() -> None:
    async with Rig().client() as client:
        for path in ("/v2/models/fake/ready", "/v2/models/fake/versions/1/ready"):
            assert (await client.get(path)).json() == {"name": "fake", "ready": True}


async def test_a_version_that_is_not_loaded_is_not_ready() -> None:
    async def resolve(ref: AliasRef | VersionRef) -> str:
        return f"{ref.name}-2"

    async with Rig(resolve=resolve).client() as client:
        answer = await client.get("/v2/models/fake/versions/2/ready")
    error_of(answer, 503)
    assert answer.headers["retry-after"] == "5"


async def test_a_rejection_of_any_image_is_told_in_its_own_words() -> None:
    async with Rig(Stumbling(Undecodable("truncated"))).client() as client:
        assert error_of(await client.post(URL, json=asked(tensor(b"1"))), 422) == "truncated"


async def test_pixels_of_another_versions_side_are_refused_by_the_version_that_is_asked() -> None:
    rig = Rig(tagger=SmallTagger())
    with pytest.raises(Undecodable, match="wants pixels of"):
        await rig.service.predictor.predict_pixels(np.zeros((3, 8, 8), np.uint8))
    assert (await rig.service.predictor.predict_pixels(np.zeros((3, 4, 4), np.uint8))).batch_size == 1
