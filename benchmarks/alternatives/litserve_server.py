"""LitServe: the model behind HTTP, requests batched, a worker a core.

https://lightning.ai/docs/litserve/features/batching
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import litserve
import torch

from benchmarks.alternatives import job

WORKERS = os.cpu_count() or 1


class Tagger(litserve.LitAPI):
    """Bytes in, probabilities out."""

    def setup(self, device: str) -> None:
        """Load the model, once a worker."""
        del device
        torch.set_num_threads(1)  # there is a worker for each core
        self.network = job.Network()

    def decode_request(self, request) -> job.Pixels:  # noqa: ANN001 - where it is said, FastAPI reads something else
        """The photograph's pixels."""
        return self.network.decode(request["content"].file.read())

    def batch(self, inputs: Sequence[job.Pixels]) -> Sequence[job.Pixels]:
        """As they are: the network stacks them."""
        return inputs

    def predict(self, images: Sequence[job.Pixels]) -> list[job.Scores]:
        """A batch at once."""
        return self.network.predict(images)


if __name__ == "__main__":
    api = Tagger(max_batch_size=job.BATCH // WORKERS, batch_timeout=0.02)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=WORKERS)
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, log_level="warning")
