"""`tagstream dev` in a process, and commands in another terminal beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tagstream.samples import photographs

MENU = next(path for path in photographs() if path.name == "menu-trattoria.jpg")
LOBBY = next(path for path in photographs() if path.name == "lobby.jpg")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TAGSTREAM_")}


def tagstream(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tagstream", *arguments]


def command(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in another terminal: nothing is set, it stands in the same folder."""
    return subprocess.run(
        tagstream(*arguments), cwd=where, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def said_by(where: Path, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """The JSON lines that the command says."""
    ran = command(where, *arguments, "--json")
    assert ran.returncode == code, ran.stderr + ran.stdout
    return [json.loads(line) for line in ran.stdout.splitlines()]


class Dev:
    """One `tagstream dev`, and what it has said so far."""

    def __init__(self, where: Path, *options: str) -> None:
        self.where = where
        self._out = where / "dev.out"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                tagstream("dev", "--json", *options),
                cwd=where,
                env=ENVIRONMENT,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def said(self, what: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._out.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["what"] == what]

    def wait_until_it_says(self, what: str, count: int = 1) -> list[dict[str, Any]]:
        while len(said := self.said(what)) < count:
            assert self.process.poll() is None, self._out.read_text()
            time.sleep(0.2)
        return said

    def children(self) -> list[int]:
        """The S3 endpoint, the workers and the API."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in listed.stdout.split()]

    def child(self, kind: str) -> int:
        """The one process of that kind."""
        said = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in self.children()}
        (found,) = (pid for pid, words in said.items() if kind.encode() in words)
        return found

    def wait_until_the_api_is_ready(self, count: int = 1) -> None:
        """Return when it has become so as often."""
        while sum(each["event"] == "api.serving" for each in self.said("log")) < count:
            assert self.process.poll() is None, self._out.read_text()
            time.sleep(0.2)
