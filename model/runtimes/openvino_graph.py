"""OpenVINO graph beside the weights: an IR whose constants are the version's own tensors, stored once.

OpenVINO's intermediate representation is an XML of layers, and a file of constants that it points into. Here
the constants are made anew whenever the graph is read: the version's tensors one after another by name, and
behind them what the weights have not (shapes, the normalisation), which the XML carries itself. So a version
grows by the text of its layers alone, and its weights cannot differ from those that torch runs.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from model.checkpoint import Weights
from model.manifest import Manifest
from schemas.errors import ConfigurationError

ALIGNMENT: Final = 64
"""Bytes; OpenVINO reads vectors out of it."""

_CONSTANT: Final = re.compile(rb'offset="(\d+)" size="(\d+)"')
_REST: Final = re.compile(rb"<tagstream_rest value=\"([A-Za-z0-9+/=]*)\" />")
_MADE_FOR: Final = re.compile(rb"<tagstream_made_for value=\"([A-Za-z0-9+/=]*)\" />")
_END: Final = b"</net>"
_INFO: Final = (
    '\t<rt_info>\n\t\t<tagstream_rest value="{}" />\n\t\t<tagstream_made_for value="{}" />\n\t</rt_info>\n'
)


def linked(xml: bytes, constants: bytes, *, weights: Weights, manifest: Manifest) -> bytes:
    """The graph of `xml`, which points into `constants`, pointing into the tensors of `weights` instead."""
    known, end = _places(weights)
    rest = bytearray()

    def moved(found: re.Match[bytes]) -> bytes:
        start, size = int(found[1]), int(found[2])
        data = constants[start : start + size]
        place = known.get(data)
        if place is None:
            rest.extend(bytes(-len(rest) % ALIGNMENT))
            place = end + len(rest)
            rest.extend(data)
        return b'offset="%d" size="%d"' % (place, size)

    layers = _CONSTANT.sub(moved, xml)
    layers, _, _ = layers.rpartition(_END)
    made_for = json.dumps(_purpose(manifest), sort_keys=True).encode()
    info = _INFO.format(base64.b64encode(rest).decode(), base64.b64encode(made_for).decode())
    return layers + info.encode() + _END + b"\n"


def constants_of(graph: bytes, *, weights: Weights) -> bytes:
    """The file of constants that `graph` points into."""
    parts = bytearray()
    for name in sorted(weights):
        parts.extend(weights[name].tobytes())
        parts.extend(bytes(-len(parts) % ALIGNMENT))
    parts.extend(_decoded(_REST, graph))
    return bytes(parts)


def refuse_foreign(graph: bytes, *, manifest: Manifest) -> None:
    """Pass if `graph` was made for the network that `manifest` describes, else raise `ConfigurationError`."""
    made_for = json.loads(_decoded(_MADE_FOR, graph))
    wanted = _purpose(manifest)
    if made_for != wanted:
        differing = next(key for key in wanted if made_for.get(key) != wanted[key])
        made, said = made_for.get(differing), wanted[differing]
        raise ConfigurationError(
            f"the graph for OpenVINO has the {differing} {made!r}, the manifest {said!r}"
        )


def _purpose(manifest: Manifest) -> Mapping[str, JsonValue]:
    """What a graph depends on besides the weights."""
    return {
        "architecture": manifest.architecture,
        "labels": len(manifest.labels),
        "input": manifest.input.model_dump(mode="json", exclude={"fit"}),
    }


def _places(weights: Weights) -> tuple[Mapping[bytes, int], int]:
    """Where each tensor lies, by its bytes, and where they end."""
    places: dict[bytes, int] = {}
    end = 0
    for name in sorted(weights):
        data = weights[name].tobytes()
        places.setdefault(data, end)
        end += len(data) + -len(data) % ALIGNMENT
    return places, end


def _decoded(pattern: re.Pattern[bytes], graph: bytes) -> bytes:
    found = pattern.search(graph)
    if found is None:
        raise ConfigurationError("the graph for OpenVINO is none that Tagstream has made")
    return base64.b64decode(found[1])
