"""What every store does with what workers say of themselves."""

from __future__ import annotations

from typing import Any

from schemas.tags import ModelRef
from schemas.worker_states import WorkerState

from .builders import EPOCH
from .stores import Scores

MODEL = ModelRef(name="restaurant", version="3.0.1", digest="ab" * 32)


def state(worker_id: str = "host.example:1:a", **said: Any) -> WorkerState:
    facts = {"serving": MODEL, "resident": (MODEL,), "computed_by": "openvino 2026.4.1 f32 cpu"}
    facts = facts | {"missing": {"3.1.0": "no version restaurant/3.1.0 at $home.of.models"}} | said
    return WorkerState(id=worker_id, started_at=EPOCH, seen_at=EPOCH, release="0.1.0", **facts)


async def test_a_store_that_no_worker_has_written_to_knows_none(scores: Scores) -> None:
    assert await scores.workers() == ()


async def test_what_a_worker_says_is_read_back_field_by_field(scores: Scores) -> None:
    whole = state(follows="restaurant@champion", swaps=3, complaint='version "4" is refused: $5.00, 100 %')
    await scores.note_worker(whole)
    assert await scores.workers() == (whole,)


async def test_a_worker_s_last_word_replaces_what_it_said_before(scores: Scores) -> None:
    await scores.note_worker(state())
    await scores.note_worker(state(swaps=1))
    await scores.note_worker(state("host:2:b"))
    assert [(each.id, each.swaps) for each in await scores.workers()] == [
        ("host.example:1:a", 1),
        ("host:2:b", 0),
    ]


async def test_a_worker_that_has_ended_is_forgotten_and_no_other(scores: Scores) -> None:
    for worker_id in ("host:1:a", "host:2:b"):
        await scores.note_worker(state(worker_id))
    await scores.forget_worker("host:1:a")
    await scores.forget_worker("never there")
    assert [each.id for each in await scores.workers()] == ["host:2:b"]
