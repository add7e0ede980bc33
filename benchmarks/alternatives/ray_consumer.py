"""Ray Serve beside aiokafka: a deployment of a replica a core, asked through its handle, which batches.

https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import ray
import torch
from ray import serve

from benchmarks.alternatives import job
from benchmarks.alternatives.batch_consumer import consume

REPLICAS = os.cpu_count() or 1


@serve.deployment(
    num_replicas=REPLICAS, max_ongoing_requests=2 * job.BATCH, ray_actor_options={"num_cpus": 0.9}
)
class Tagger:
    """Bytes in, probabilities out."""

    def __init__(self) -> None:
        """Load the model, once a replica."""
        torch.set_num_threads(1)  # there is a replica for each core
        self.network = job.Network()

    @serve.batch(max_batch_size=job.BATCH // REPLICAS, batch_wait_timeout_s=0.02)
    async def scores(self, photographs: Sequence[bytes]) -> list[job.Scores]:
        """A batch at once, beside the loop that takes requests."""
        return await asyncio.to_thread(self._scores, photographs)

    def _scores(self, photographs: Sequence[bytes]) -> list[job.Scores]:
        return self.network.predict([self.network.decode(data) for data in photographs])


async def main() -> None:
    """Ask the deployment about all that comes."""
    handle = serve.run(Tagger.bind(), route_prefix=None)

    async def ask(data: bytes) -> job.Scores:
        return await handle.scores.remote(data)

    await consume(ask)


if __name__ == "__main__":
    # Ray's own sockets want a short path, hence not the program's folder.
    ray.init(num_cpus=max(2, REPLICAS), include_dashboard=False, log_to_driver=False, logging_level="warning")
    asyncio.run(main())
