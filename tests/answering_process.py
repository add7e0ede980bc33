"""A process of its own that answers a line of JSON a file, and may die of one: the next finds a new one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self


class AnsweringProcess:
    """Starts the process when a file comes and there is none; `with` ends it."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, quiet: bool = False
    ) -> None:
        self._command = command
        self._environment = os.environ | dict(environment or {})
        self._said = subprocess.DEVNULL if quiet else None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def ask(self, data: bytes, **limits: int) -> Any:
        """What it answers for `data` under `limits`; the name of the signal if it died of it."""
        process = self._alive()
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps({"length": len(data), **limits}).encode() + b"\n" + data)
            process.stdin.flush()
        except BrokenPipeError:
            return f"{self._died(process)} before it was read, of the file before"
        answer = process.stdout.readline()
        return json.loads(answer) if answer else self._died(process)

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env=self._environment,
            )
        return self._process

    def _died(self, process: subprocess.Popen[bytes]) -> str:
        """The signal's name, its pipes closed: what is left open fails another test when it is collected."""
        self._process = None
        assert process.stdin
        assert process.stdout
        with suppress(BrokenPipeError):  # what was not read is still in it
            process.stdin.close()
        process.stdout.close()
        code = process.wait()
        return signal.Signals(-code).name if code < 0 else f"exit {code}"
