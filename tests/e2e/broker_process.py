"""The embedded broker in a process of its own, so that a test can freeze it; ends when its input closes."""

import subprocess
import sys
from types import TracebackType
from typing import Self

from schemas import topics
from streams.adapters.kafka.connection import EmbeddedBroker
from tests.freezing import freeze, thaw


class BrokerProcess:
    """A broker that can be away for a while, as one is that restarts or is cut off."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.e2e.broker_process"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.bootstrap = self._process.stdout.readline().strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thaw()
        self._process.communicate()

    def freeze(self) -> None:
        freeze(self._process.pid)

    def thaw(self) -> None:
        thaw(self._process.pid)


if __name__ == "__main__":
    with EmbeddedBroker() as broker:
        broker.create(topics.UPLOADED, *topics.OUTBOUND)
        print(broker.bootstrap, flush=True)
        sys.stdin.read()
