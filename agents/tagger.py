"""What sees, assembled: decoding threads, the resident classifier behind its batcher, and the policy."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from agents.ports import Forwarded
from agents.telemetry.tracing import NO_TRACER, Linked, Tracer, linked
from model.batch_statistics import BatchStatistics
from model.batching import BatchLimits, DeviceChecks, MicroBatcher
from model.classifier import Classifier, is_out_of_memory
from model.policy import Policy
from model.preprocess import Pixels
from schemas.errors import Broken, Rejected, Stage, Unforeseen
from schemas.tags import ModelRef, Scores, Verdict


class ResidentTagger:
    """The packaged or configured model, loaded once, warm, and shared by all images of the worker.

    Owns the decoding threads and the batcher; `async with` opens and closes both. Whoever opens it
    awaits `died()` and stops the process when that returns.
    """

    def __init__(
        self,
        classifier: Classifier,
        policy: Policy,
        *,
        batches: BatchLimits,
        decode_threads: int,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._classifier = classifier
        self._policy = policy
        self._tracer = tracer
        self._threads = ThreadPoolExecutor(decode_threads, thread_name_prefix="decode")
        checks = DeviceChecks(probe=classifier.check_golden, is_out_of_memory=is_out_of_memory)
        forward = linked(tracer, classifier.forward)
        self._batcher: MicroBatcher[Linked[Pixels], Scores] = MicroBatcher(forward, batches, device=checks)

    async def __aenter__(self) -> Self:
        await self._batcher.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A decoder that hangs must not hold up the exit: its thread ends with the process.
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._batcher.__aexit__(kind, error, trace)

    @property
    def model(self) -> ModelRef:
        """The resident model version."""
        return self._classifier.ref

    @property
    def device(self) -> str:
        """Where it runs, as torch names it."""
        return self._classifier.device

    def statistics(self) -> BatchStatistics:
        """What the batcher has done and is doing."""
        return self._batcher.statistics()

    async def died(self) -> BaseException:
        """What the batcher died of, once it has."""
        return await self._batcher.died()

    async def decode(self, data: bytes) -> Pixels:
        """The image's pixels, uint8 (3, S, S), decoded in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._decode, data)

    async def score(self, pixels: Pixels) -> Forwarded:
        """The image's scores; waits while the batcher is full."""
        scored = await self._batcher.score(Linked(pixels, self._tracer.link()))
        return Forwarded(scored.result, scored.queued, scored.forward, scored.batch_size)

    def decide(self, scores: Scores, previous: Verdict | None) -> Verdict:
        """What the scores mean under the model's thresholds and routes."""
        return self._policy.decide(scores, previous)

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        """What a person's labels mean under the model's routes."""
        return self._policy.correct(judged, labels)

    def _decode(self, data: bytes) -> Pixels:
        try:
            return self._classifier.preprocess.decode(data)
        except Rejected:
            raise
        except MemoryError as error:
            # The machine's fault as likely as the image's: a good image must not pay for it.
            raise Broken("out of memory while decoding") from error
        except Exception as error:
            raise Unforeseen.of(error, stage=Stage.DECODE) from error
