"""Clients that are not ours, over a socket: Triton's, and the sample request of a labelling service."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pytest
import tritonclient.http as triton

from tagstream import samples
from tests.integration.serve_process import UNHURRIED, ServeProcess, serving

MODEL: Final = "restaurant"
LABELS: Final = 4
PHOTOGRAPHS: Final = [each.read_bytes() for each in list(samples.photographs())[:3]]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """One for all; it ends in order."""
    with serving(tmp_path_factory.mktemp("api"), **UNHURRIED) as running:
        yield running
        assert running.stop() == 0, running.said()[-4000:]


def client(api: ServeProcess) -> triton.InferenceServerClient:
    return triton.InferenceServerClient(api.address.removeprefix("http://"))


def scores(api: ServeProcess, images: Sequence[bytes], *, is_binary: bool) -> np.ndarray[Any, Any]:
    """As Triton's client reads them."""
    tensor = triton.InferInput("image", [len(images)], "BYTES")
    if is_binary:
        tensor.set_data_from_numpy(np.array(images, dtype=np.object_), binary_data=True)
    else:
        tensor.set_data_from_numpy(
            np.array([base64.b64encode(each) for each in images], dtype=np.object_), binary_data=False
        )
        tensor._parameters["content_type"] = "base64"
    wanted = [triton.InferRequestedOutput("probabilities", binary_data=is_binary)]
    with client(api) as asking:
        answer = asking.infer(MODEL, [tensor], outputs=wanted, headers=api.bearer)
    found: np.ndarray[Any, Any] = answer.as_numpy("probabilities")
    return found


def multipart(part: str, images: Sequence[bytes]) -> tuple[bytes, str]:
    """A form as browsers and `requests` send it, and its content type."""
    boundary = "f4b2a1c0"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="%d.jpg"\r\n'
    parts = [
        (head % place + "Content-Type: image/jpeg\r\n\r\n").encode() + each + b"\r\n"
        for place, each in enumerate(images)
    ]
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def asked(url: str, body: bytes, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.load(answer)


def test_tritons_client_is_told_that_the_server_is_ready_and_what_it_takes(api: ServeProcess) -> None:
    def ask() -> tuple[bool, bool, bool, Any, Any]:
        with client(api) as asking:
            return (
                asking.is_server_live(),
                asking.is_server_ready(),
                asking.is_model_ready(MODEL, headers=api.bearer),
                asking.get_server_metadata(),
                asking.get_model_metadata(MODEL, headers=api.bearer),
            )

    live, ready, loaded, server, model = ask()
    assert (live, ready, loaded) == (True, True, True)
    assert server["extensions"] == ["binary_tensor_data"]
    assert model["inputs"][0]["name"] == "image"


def test_tritons_client_reads_the_same_scores_as_json_and_as_binary_data(api: ServeProcess) -> None:
    binary = scores(api, PHOTOGRAPHS, is_binary=True)
    plain = scores(api, PHOTOGRAPHS, is_binary=False)
    assert binary.shape == (len(PHOTOGRAPHS), LABELS)
    assert np.allclose(binary, plain, atol=1e-3)


def test_tritons_client_sends_pixels_of_the_models_own_side(api: ServeProcess) -> None:
    def ask() -> Any:
        tensor = triton.InferInput("image", [2, 3, 224, 224], "UINT8")
        tensor.set_data_from_numpy(np.full((2, 3, 224, 224), 127, np.uint8))
        with client(api) as asking:
            return asking.infer(MODEL, [tensor], model_version="v5", headers=api.bearer)

    answer = ask()
    rows = answer.as_numpy("probabilities")
    assert rows.shape == (2, LABELS)
    assert np.allclose(rows[0], rows[1], atol=1e-3)
    assert b"ambiance" in answer.as_numpy("labels")


def test_tritons_client_raises_what_the_server_says_of_a_broken_image(api: ServeProcess) -> None:
    with pytest.raises(triton.InferenceServerException, match="not an image") as raised:
        scores(api, [b"no photograph"], is_binary=True)
    assert raised.value.status() == "415"


def test_a_labelling_services_request_works_with_another_host_and_key(api: ServeProcess) -> None:
    body, kind = multipart("file", [*PHOTOGRAPHS[:2], b"broken"])
    user = base64.b64encode(f"{api.token}:".encode()).decode()
    headers = {"Content-Type": kind, "Authorization": f"Basic {user}", "Accept": "application/json"}
    said = asked(f"{api.address}/v1/compat/predictions", body, headers)
    good, also, broken = said["result"]
    assert said["message"] == "Success"
    assert [each["input"] for each in said["result"]] == ["0.jpg", "1.jpg", "2.jpg"]
    assert good["prediction"][0]["probability"] >= good["prediction"][-1]["probability"]
    assert len(also["prediction"]) == LABELS
    assert broken["message"].startswith("unsupported-image: ")


def test_a_photograph_is_tagged_as_every_client_is_told(api: ServeProcess) -> None:
    body, kind = multipart("image", PHOTOGRAPHS[:1])
    headers = {"Content-Type": kind, **api.bearer}
    said = asked(f"{api.address}/v1/predictions", body, headers)
    by_label = {each["label"]: each["probability"] for each in said["labels"]}
    row = (scores(api, PHOTOGRAPHS[:1], is_binary=True))[0]
    assert np.allclose(sorted(by_label.values()), sorted(row), atol=1e-3)
    assert said["image"]["format"] == "jpeg"


def test_who_is_refused_before_his_photograph_is_read_hears_why(api: ServeProcess) -> None:
    body, kind = multipart("image", [b"x" * 2**20] * 8)

    def ask() -> int:
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(f"{api.address}/v1/predictions", body, {"Content-Type": kind})
        refused.value.close()
        return refused.value.code

    assert [ask() for _ in range(20)] == [401] * 20
