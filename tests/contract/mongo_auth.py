"""A MongoDB that wants a login: in front of the tests' server, which knows none.

It speaks SCRAM-SHA-256 (RFC 5802 and 7677) and verifies the client's proof; until that holds, all but the
first greeting is refused as MongoDB refuses it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import ssl
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import bson

from tests.contract.mongo_proxy import BODY_AT, OP_MSG, message, reply
from tests.listener import Listener

ROUNDS = 4096
"""The fewest that a client accepts."""
GREETINGS = ("hello", "ismaster", "isMaster")
FAILED = {"ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."}


class MongoAuth:
    """Lets one user in, by name and password, to the server at `port`; over TLS with a `context`."""

    def __init__(self, port: int, user: str, password: str, context: ssl.SSLContext | None = None) -> None:
        self._upstream = port
        self._user = user
        self.password = password
        self._listener = Listener(self._serve, context=context)
        self.logins = 0
        self.refused: list[str] = []
        """Commands that came before a login."""

    async def __aenter__(self) -> Self:
        await self._listener.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.close()

    @property
    def address(self) -> str:
        """Its `host:port`."""
        return self._listener.address

    def url(self, user: str, password: str, *options: str) -> str:
        """With the login, percent-encoded."""
        said = "&".join(("authMechanism=SCRAM-SHA-256", "authSource=admin", *options))
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"mongodb://{login}@{self.address}/?{said}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", self._upstream)
        login = _Login(self._user, self.password)
        try:
            while True:
                request = await message(reader)
                said = self._stopped(login, request)
                if said is None:
                    requests.write(request)
                    writer.write(await message(answers))
                else:
                    writer.write(reply(request, said))
                await writer.drain()
        finally:
            requests.close()

    def _stopped(self, login: _Login, request: bytes) -> Mapping[str, Any] | None:
        """What is said in the server's place, if anything."""
        body = _body(request)
        command = next(iter(body), "")
        if command.startswith("sasl"):
            answer = login.answer(body)
            self.logins += bool(answer.get("done"))
            return answer
        if login.is_done or not command or command in GREETINGS:
            return None
        self.refused.append(command)
        said = f"command {command} requires authentication"
        return {"ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": said}


class _Login:
    """One conversation; `is_done` once the client has proven that it knows the password."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._salt = os.urandom(16)
        self._salted = hashlib.pbkdf2_hmac("sha256", password.encode(), self._salt, ROUNDS)
        self._nonce = self._first = self._challenge = ""
        self.is_done = False

    def answer(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        payload = bytes(body["payload"]).decode()
        fields = dict(part.split("=", 1) for part in payload.removeprefix("n,,").split(","))
        if "saslStart" in body:
            return self._begin(payload, fields)
        return self._end(payload, fields)

    def _begin(self, payload: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        if fields["n"].replace("=2C", ",").replace("=3D", "=") != self._user:
            return FAILED
        self._first = payload.removeprefix("n,,")
        self._nonce = fields["r"] + base64.b64encode(os.urandom(18)).decode()
        self._challenge = f"r={self._nonce},s={base64.b64encode(self._salt).decode()},i={ROUNDS}"
        return _said(self._challenge, done=False)

    def _end(self, payload: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        key = _hmac(self._salted, "Client Key")
        signed = f"{self._first},{self._challenge},{payload.rpartition(',p=')[0]}"
        signature = _hmac(hashlib.sha256(key).digest(), signed)
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        if fields["r"] != self._nonce or not hmac.compare_digest(proof, base64.b64decode(fields["p"])):
            return FAILED
        self.is_done = True
        verifier = _hmac(_hmac(self._salted, "Server Key"), signed)
        return _said(f"v={base64.b64encode(verifier).decode()}", done=True)


def _said(payload: str, *, done: bool) -> Mapping[str, Any]:
    return {"ok": 1.0, "conversationId": 1, "done": done, "payload": payload.encode()}


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), "sha256").digest()


def _body(raw: bytes) -> Mapping[str, Any]:
    """Of what is no modern message, the greeting of old, nothing."""
    (code,) = struct.unpack_from("<i", raw, 12)
    if code != OP_MSG:
        return {}
    (size,) = struct.unpack_from("<i", raw, BODY_AT)
    return bson.decode(raw[BODY_AT : BODY_AT + size])
