"""Tensors of the Open Inference Protocol (v2), as JSON and as binary data behind it.

Binary: the header `Inference-Header-Content-Length` says how many bytes of the body are JSON. Behind them
come the bytes of each tensor, in the order of those that say `binary_data_size`. An element of BYTES is its
length, four bytes with the lowest first, and its bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

HEADER: Final = "Inference-Header-Content-Length"
BINARY: Final = "application/octet-stream"
MOST_IMAGES: Final = 32
IMAGE: Final = "image"
"""The one input."""

_LENGTH: Final = struct.Struct("<I")
_PIXEL_AXES: Final = 4
_LENGTH_IN_HEADER: Final = re.compile(r"[0-9]{1,15}")


class BadTensor(Exception):
    """A request that is none of the protocol's, or of this model's."""


class InputTensor(BaseModel):
    """One input."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(json_schema_extra={"const": IMAGE})
    shape: list[int] = Field(
        examples=[[1]],
        max_length=8,
        json_schema_extra={"minItems": 1, "items": {"type": "integer", "minimum": 1}},
    )
    datatype: str = Field(
        json_schema_extra={"enum": ["BYTES", "UINT8"]},
        description="`BYTES`, files; or `UINT8`, pixels [N, 3, S, S] of the model's own S",
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="`content_type: base64` for BYTES in JSON; `binary_data_size`"
    )
    data: list[Any] | None = Field(
        None, description="Row by row, flat; absent where it follows as binary data"
    )


class RequestedOutput(BaseModel):
    """One output that is asked for."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(json_schema_extra={"enum": ["probabilities", "labels"]})
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="`binary_data`: whether it is to follow as binary data"
    )


class InferenceRequest(BaseModel):
    """The JSON of a request."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = Field(None, max_length=200)
    parameters: dict[str, Any] = Field(default_factory=dict, description="`binary_data_output`")
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] | None = Field(None, max_length=8)


class OutputTensor(BaseModel):
    """One output."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: list[Any] | None = Field(None, description="Absent where it follows as binary data")


class InferenceResponse(BaseModel):
    """The JSON of an answer."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


@dataclass(frozen=True, slots=True)
class Images:
    """What is to be scored: files, or pixels of one shape."""

    files: tuple[bytes, ...] = ()
    pixels: npt.NDArray[np.uint8] | None = None
    """(N, 3, S, S)."""

    @property
    def count(self) -> int:
        """How many."""
        return len(self.files) if self.pixels is None else len(self.pixels)


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Of all images: a row of probabilities each."""

    labels: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]


def read(body: bytes, header_length: str | None) -> tuple[InferenceRequest, Images]:
    """The request in a body. Raises `BadTensor`."""
    head, behind = _divided(body, header_length)
    try:
        request = InferenceRequest.model_validate_json(head)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the request"
        raise BadTensor(f"{where}: {first['msg']}") from error
    return request, _images(request.inputs[0], behind)


def written(
    request: InferenceRequest, model: tuple[str, str], result: ScoreTable
) -> tuple[bytes, int | None]:
    """The answer's body, and the length of its JSON where binary data follow. Raises `BadTensor`."""
    wanted = request.outputs or [RequestedOutput(name=name) for name in ("probabilities", "labels")]
    is_binary = bool(request.parameters.get("binary_data_output"))
    tensors, behind = [], b""
    for each in wanted:
        tensor, raw = _output(each.name, result)
        if each.parameters.get("binary_data", is_binary):
            tensor = tensor.model_copy(update={"data": None, "parameters": {"binary_data_size": len(raw)}})
            behind += raw
        tensors.append(tensor)
    name, version = model
    answer = InferenceResponse(model_name=name, model_version=version, id=request.id, outputs=tensors)
    head = json.dumps(answer.model_dump(exclude_none=True)).encode()
    return head + behind, len(head) if behind else None


def _divided(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    if header_length is None:
        return body, b""
    length = int(header_length) if _LENGTH_IN_HEADER.fullmatch(header_length) else -1
    if not 0 <= length <= len(body):
        raise BadTensor(f"{HEADER} is no length within the body")
    return body[:length], body[length:]


def _images(tensor: InputTensor, behind: bytes) -> Images:
    if tensor.name != IMAGE:
        raise BadTensor(f"the model has no input {tensor.name!r}; it is {IMAGE!r}")
    if any(side < 1 for side in tensor.shape) or not tensor.shape or tensor.shape[0] > MOST_IMAGES:
        raise BadTensor(f"shape {tensor.shape}: 1 to {MOST_IMAGES} images in a request")
    raw = _raw(tensor, behind)
    match tensor.datatype:
        case "BYTES":
            return Images(files=_files(tensor, raw))
        case "UINT8":
            return Images(pixels=_pixels(tensor, raw))
    raise BadTensor(f"datatype {tensor.datatype!r}: send BYTES (files) or UINT8 (pixels)")


def _raw(tensor: InputTensor, behind: bytes) -> bytes | None:
    """Its binary data; None where it stands in the JSON."""
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        if tensor.data is None:
            raise BadTensor("the input has neither `data` nor `binary_data_size`")
        return None
    if tensor.data is not None or size != len(behind):
        raise BadTensor(f"binary_data_size is {size!r}, and {len(behind)} bytes follow the JSON")
    return behind


def _files(tensor: InputTensor, raw: bytes | None) -> tuple[bytes, ...]:
    found = tuple(_decoded(tensor)) if raw is None else tuple(_elements(raw))
    if len(tensor.shape) > 2 or math.prod(tensor.shape) != len(found):  # noqa: PLR2004 - [N] or [N, 1]
        raise BadTensor(f"shape {tensor.shape}, and {len(found)} files came")
    return found


def _decoded(tensor: InputTensor) -> list[bytes]:
    if tensor.parameters.get("content_type") != "base64":
        raise BadTensor("BYTES in JSON have to be base64, and the parameter `content_type` to say so")
    try:
        return [base64.b64decode(each, validate=True) for each in tensor.data or ()]
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadTensor("an element of `data` is no base64") from error


def _elements(raw: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(raw):
        if at + _LENGTH.size > len(raw):
            raise BadTensor("the binary data end within a length")
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        if at + length > len(raw):
            raise BadTensor("the binary data end within an element")
        found.append(raw[at : at + length])
        at += length
    return found


def _pixels(tensor: InputTensor, raw: bytes | None) -> npt.NDArray[np.uint8]:
    if len(tensor.shape) != _PIXEL_AXES:
        raise BadTensor(f"shape {tensor.shape}: pixels are [N, 3, S, S]")
    try:
        flat = np.frombuffer(raw, np.uint8) if raw is not None else _of_numbers(tensor.data or [])
        return flat.reshape(tensor.shape)
    except (ValueError, OverflowError) as error:
        raise BadTensor(f"the data are not of shape {tensor.shape}, each 0 to 255") from error


def _of_numbers(data: Sequence[Any]) -> npt.NDArray[np.uint8]:
    numbers = np.asarray(data)
    if numbers.dtype.kind not in "iu" or numbers.size == 0 or numbers.min() < 0 or numbers.max() > 255:  # noqa: PLR2004
        raise ValueError
    return numbers.astype(np.uint8).ravel()


def _output(name: str, result: ScoreTable) -> tuple[OutputTensor, bytes]:
    match name:
        case "probabilities":
            flat = [value for row in result.rows for value in row]
            shape = [len(result.rows), len(result.labels)]
            raw = np.asarray(flat, "<f4").tobytes()
            return OutputTensor(name=name, datatype="FP32", shape=shape, data=flat), raw
        case "labels":
            words = [each.encode() for each in result.labels]
            raw = b"".join(_LENGTH.pack(len(word)) + word for word in words)
            tensor = OutputTensor(name=name, datatype="BYTES", shape=[len(words)], data=[*result.labels])
            return tensor, raw
    raise BadTensor(f"the model has no output {name!r}; they are `probabilities` and `labels`")
