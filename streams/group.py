"""Consumer group fixes: what aiokafka and Faust leave open between them.

**Errors, taken up: Faust never asks for them.** aiokafka's coordinator hands an error that it cannot
retry (authorization, an unexpected answer to a join) to whoever polls the consumer next, and *waits
until it was taken*. Faust reads past the poll, so the error is never taken: the process lives on in no
group and does nothing, for ever. Seen with the embedded broker's answer to a join that raced another
one. Taking the error up lets the coordinator join again.

**Commits, fenced.** A member that the group has given up (frozen beyond its session) forgets its
generation when it hears of that. aiokafka then sends what is still to be committed under no generation
at all, as somebody without a group would, and a broker whose group is empty at that moment takes it:
offsets that others have committed meanwhile go back. Seen with Apache Kafka 3.9.1. Such a commit is
refused here, as the broker refuses it from a member that it does not know.
"""

from __future__ import annotations

from typing import Any

from aiokafka.errors import KafkaError, UnknownMemberIdError
from aiokafka.protocol.commit import OffsetCommitRequest
from faust.types.transports import ConsumerT

from schemas.errors import Broken


async def take_up_error(consumer: ConsumerT) -> KafkaError | None:
    """The coordinator's pending error, which is gone then; None where there is none.

    Raises:
        Broken: the coordinator has ended and will never join again.
    """
    # Private throughout: Faust and aiokafka are pinned, and a test guards these names.
    thread: Any = consumer._thread  # type: ignore[attr-defined]  # noqa: SLF001
    taken: KafkaError | None = await thread.call_thread(_take_up, thread._ensure_consumer())  # noqa: SLF001
    return taken


async def _take_up(consumer: Any) -> KafkaError | None:  # noqa: ANN401 - aiokafka's, in the consumer's thread
    coordinator = consumer._coordinator  # noqa: SLF001
    task = getattr(coordinator, "_coordination_task", None)
    if task is not None and task.done() and not task.cancelled() and task.exception() is not None:
        raise Broken(f"the group coordinator has ended: {task.exception()}")
    try:
        coordinator.check_errors()
    except KafkaError as error:
        return error
    return None


async def join_again(consumer: ConsumerT) -> None:
    """Have the group share its partitions anew."""
    thread: Any = consumer._thread  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    await thread.call_thread(_join_again, thread._ensure_consumer())  # noqa: SLF001


async def _join_again(consumer: Any) -> None:  # noqa: ANN401 - as above
    consumer._coordinator.request_rejoin()  # noqa: SLF001


async def fence_commits(consumer: ConsumerT) -> None:
    """From now on a member without a generation commits nothing: the consumer says that it was not taken."""
    thread: Any = consumer._thread  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    await thread.call_thread(_fence_commits, thread._ensure_consumer())  # noqa: SLF001


async def _fence_commits(consumer: Any) -> None:  # noqa: ANN401 - aiokafka's, in the consumer's thread
    coordinator = consumer._coordinator  # noqa: SLF001
    commit = coordinator._do_commit_offsets  # noqa: SLF001

    async def fenced(assignment: Any, offsets: Any) -> None:  # noqa: ANN401
        # Nothing awaits between this and the request that names the generation.
        if coordinator.generation == OffsetCommitRequest.DEFAULT_GENERATION_ID:
            raise UnknownMemberIdError
        await commit(assignment, offsets)

    coordinator._do_commit_offsets = fenced  # noqa: SLF001
