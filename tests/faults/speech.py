"""What S3 and MongoDB say on the wire, as far as faults need it."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from tests.contract import mongo_proxy

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CHUNKED: Final = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")
_END: Final = b"\r\n\r\n"
_OUT_OF_DISK_SPACE: Final = 14031
_WRITES: Final = ("update ", "insert ")


class Http:
    """HTTP/1.1, of which no request has a body: a worker reads."""

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """See `Speech.request`."""
        return await reader.readuntil(_END)

    async def answer(self, reader: asyncio.StreamReader, request: bytes) -> bytes:
        """See `Speech.answer`."""
        head = await reader.readuntil(_END)
        if request.startswith(b"HEAD"):
            return head
        if _CHUNKED.search(head):
            return head + await _chunks(reader)
        length = _LENGTH.search(head)
        return head + await reader.readexactly(int(length[1]) if length else 0)


class Mongo:
    """MongoDB's wire protocol."""

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """See `Speech.request`."""
        return await mongo_proxy.message(reader)

    async def answer(self, reader: asyncio.StreamReader, _request: bytes) -> bytes:
        """See `Speech.answer`."""
        return await mongo_proxy.message(reader)


def s3_error(status: str, code: str) -> bytes:
    """An error as S3 words it."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>'
    )
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


def disk_full(request: bytes) -> bytes | None:
    """What MongoDB answers to a write when its disk is full; None for everything that is no write."""
    if not mongo_proxy.command_of(request).startswith(_WRITES):
        return None
    said = {
        "ok": 0.0,
        "code": _OUT_OF_DISK_SPACE,
        "codeName": "OutOfDiskSpace",
        "errmsg": "out of disk space",
    }
    return mongo_proxy.reply(request, said)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    read = b""
    while True:
        size = await reader.readline()
        read += size
        length = int(size.partition(b";")[0], 16)
        read += await reader.readexactly(length + 2)
        if not length:
            return read
