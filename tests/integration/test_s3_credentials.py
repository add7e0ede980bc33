"""The standard credential chain: every source that it has, keys that end, and an authority of one's own."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.errors import Unavailable
from schemas.uploads import Location
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from tests.certificates import Authority, server_context
from tests.integration.http_server import Answer, Request, serving
from tests.integration.identities import Identities

PHOTO = Location(bucket="photos", key="a.jpg")
WHO = re.compile(r"^AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/us-east-1/s3/aws4_request, ")


class Storage:
    """Gives the object to whoever signs with `accepted`, and tells others what S3 tells them."""

    def __init__(self, accepted: Callable[[], str]) -> None:
        self.accepted = accepted
        self.refusal = "InvalidAccessKeyId"
        self.tokens: list[str | None] = []

    def answer(self, request: Request) -> Answer:
        self.tokens.append(request.headers.get("x-amz-security-token"))
        signed = WHO.match(request.headers.get("authorization", ""))
        if signed and signed["key"] == self.accepted():
            return Answer(200, b"bytes", {"ETag": '"e"'})
        return Answer(403, f"<Error><Code>{self.refusal}</Code></Error>".encode())


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment in which no source has anything."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def images(address: str, scheme: str = "http") -> S3Images:
    endpoint = f"{scheme}://{address}"
    return S3Images(S3Settings(endpoint_url=endpoint, buckets=("photos",), deadline=10))


async def fetched(storage: Storage) -> bytes:
    async with serving(storage.answer) as address, images(address) as opened:
        return (await opened.fetch(PHOTO)).data


async def test_keys_of_the_environment_sign_with_their_session_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    storage = Storage(lambda: "AKIDENV")
    assert await fetched(storage) == b"bytes"
    assert storage.tokens == ["session"]


async def test_a_profile_of_the_shared_credentials_file_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id=AKIDDEFAULT\naws_secret_access_key=canary\n"
        "[tagger]\naws_access_key_id=AKIDPROFILE\naws_secret_access_key=canary\n"
    )
    assert await fetched(Storage(lambda: "AKIDDEFAULT")) == b"bytes"
    monkeypatch.setenv("AWS_PROFILE", "tagger")
    assert await fetched(Storage(lambda: "AKIDPROFILE")) == b"bytes"


async def test_a_program_that_prints_keys_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = '{"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "canary", "SessionToken": "t"}'
    (tmp_path / "print.py").write_text(f"print('{said}')")
    (tmp_path / "config").write_text(
        f"[profile tagger]\ncredential_process = {sys.executable} {tmp_path / 'print.py'}\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "tagger")
    assert await fetched(Storage(lambda: "AKIDPROCESS")) == b"bytes"


def pod(patch: pytest.MonkeyPatch, folder: Path, address: str) -> None:
    (folder / "token").write_text("the-pods-token")
    patch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(folder / "token"))
    patch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/tagger")
    patch.setenv("AWS_ENDPOINT_URL_STS", f"http://{address}")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def container(patch: pytest.MonkeyPatch, _: Path, address: str) -> None:
    patch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{address}/container")
    patch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token")


def machine(patch: pytest.MonkeyPatch, _: Path, address: str) -> None:
    patch.delenv("AWS_EC2_METADATA_DISABLED")
    patch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://{address}/")


async def test_a_machine_s_role_is_asked_for_with_a_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    identities = Identities()
    async with serving(identities.answer) as address:
        machine(monkeypatch, tmp_path, address)
        assert await fetched(Storage(lambda: identities.newest)) == b"bytes"
    assert identities.asked[0] == "PUT /latest/api/token"


@pytest.mark.parametrize("source", [pod, container])
async def test_keys_that_end_are_replaced_while_the_worker_runs(
    source: Callable[[pytest.MonkeyPatch, Path, str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    identities = Identities()
    storage = Storage(lambda: identities.newest)
    async with serving(identities.answer) as address, serving(storage.answer) as endpoint:
        source(monkeypatch, tmp_path, address)
        async with images(endpoint) as opened:
            assert (await opened.fetch(PHOTO)).data == b"bytes"
            first = identities.issued
            assert first
            assert (await opened.fetch(PHOTO)).data == b"bytes"
            assert identities.issued > first
    assert storage.tokens[-1] == f"canary-token-{identities.issued}"


@pytest.mark.parametrize("source", [pod, container, machine])
async def test_a_source_that_is_away_at_the_start_is_asked_again(
    source: Callable[[pytest.MonkeyPatch, Path, str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    identities = Identities()
    identities.is_away = True
    async with (
        serving(identities.answer) as address,
        serving(Storage(lambda: identities.newest).answer) as endpoint,
    ):
        source(monkeypatch, tmp_path, address)
        opened = images(endpoint)
        with pytest.raises(Unavailable):
            async with opened:
                await opened.fetch(PHOTO)
        identities.is_away = False
        async with opened:  # as a worker does, that outlasts it
            assert (await opened.fetch(PHOTO)).data == b"bytes"


async def test_no_keys_anywhere_is_unavailable_when_the_storage_is_opened() -> None:
    with pytest.raises(Unavailable, match=r"^no credentials, neither in the settings"):
        await images("127.0.0.1:1").__aenter__()


@pytest.mark.parametrize(
    "refusal", ["ExpiredToken", "InvalidAccessKeyId", "AccessDenied", "SignatureDoesNotMatch"]
)
async def test_refused_keys_are_unavailable_until_they_are_taken(
    refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    storage = Storage(lambda: "nobody")
    storage.refusal = refusal
    async with serving(storage.answer) as address, images(address) as opened:
        with pytest.raises(Unavailable, match=refusal) as raised:
            await opened.fetch(PHOTO)
        assert "canary" not in str(raised.value)
        storage.accepted = lambda: "AKIDENV"
        assert (await opened.fetch(PHOTO)).data == b"bytes"


async def test_an_authority_of_ones_own_is_trusted_for_s3_and_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    authority = Authority(tmp_path)
    context = server_context(authority.certificate("storage"))
    async with serving(Storage(lambda: "AKIDENV").answer, context) as address:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(Authority(tmp_path, "other").file))
        async with images(address, "https") as opened:
            with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await opened.fetch(PHOTO)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.file))
        async with images(address, "https") as opened:
            assert (await opened.fetch(PHOTO)).data == b"bytes"
