"""Forms: files out of `multipart/form-data`, kept in memory and never on a disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from console import problems
from console.problems import Problem

MULTIPART: Final = "multipart/form-data"
_ADDRESSES: Final = frozenset({"url", "urls"})
_MOST_FIELDS: Final = 16
_FIELD_BYTES: Final = 16 * 2**10


@dataclass(frozen=True, slots=True)
class SentFile:
    """One part of a form."""

    name: str
    """As the caller calls it; believed in nothing."""
    data: bytes = field(repr=False)


class _InMemory(MultiPartParser):
    """Bytes of strangers are written nowhere; `body_guard` bounds how many there are."""

    spool_max_size = 2**40


def media_type(request: Request) -> str:
    """Of the body, without its parameters; empty where none is named."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def files(request: Request, part: str, *, most: int) -> list[SentFile]:
    """The files of every part of that name, one to `most`, and no other part.

    Raises `Problem`, what is wrong with the body itself among it.
    """
    parser = _InMemory(
        request.headers,
        request.stream(),
        max_files=most + 1,
        max_fields=_MOST_FIELDS,
        max_part_size=_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        kind = problems.ONE_IMAGE if error.message.startswith("Too many files") else problems.BAD_BODY
        raise Problem(kind, error.message) from error
    try:
        return await _sent(form, part, most)
    finally:
        await form.close()


async def _sent(form: FormData, part: str, most: int) -> list[SentFile]:
    _refuse_others(part, [*form.keys()])
    found = form.getlist(part)
    sent = [
        SentFile(each.filename or "", await each.read()) for each in found if isinstance(each, UploadFile)
    ]
    if len(sent) != len(found) or not 1 <= len(sent) <= most:
        raise Problem(problems.ONE_IMAGE, _wanted(part, most, len(sent)))
    return sent


def _refuse_others(part: str, names: list[str]) -> None:
    if not _ADDRESSES.isdisjoint(names):
        raise Problem(problems.NO_URLS, f"no address is fetched: send the bytes as a part `{part}`")
    if others := sorted({name for name in names if name != part}):
        raise Problem(
            problems.INVALID,
            f"the form has parts that mean nothing here: {', '.join(map(repr, others[:5]))}",
            errors=[problems.FieldError(parameter=name, detail="unknown") for name in others[:5]],
        )


def _wanted(part: str, most: int, found: int) -> str:
    how_many = "one part" if most == 1 else f"1 to {most} parts"
    return f"send {how_many} named `{part}` with a file (`-F {part}=@photo.jpg`); {found} came"
