"""Decoders for the commands: in processes, which a hostile file may kill without ending the command."""

from __future__ import annotations

import os

from model.decoding.limits import DecoderLimits
from model.decoding.pool import DecoderPool
from model.preprocess import Preprocess

LOADED = 3
"""Photographs in memory for each decoder, so that none waits for its next."""


def processes(wanted: int | None) -> int:
    """As many as were asked for, else one a core that this process may use."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return wanted or here or 1


def decoders(preprocess: Preprocess, wanted: int | None) -> DecoderPool:
    """The pool, not yet entered."""
    return DecoderPool(preprocess, DecoderLimits(processes=processes(wanted)))
