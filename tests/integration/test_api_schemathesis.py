"""Property tests of the HTTP API out of its own document: a server that runs answers as it says."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.integration.api_server import served_api

pytestmark = pytest.mark.timeout(400)

CONFIGURATION: Final = Path(__file__).with_name("schemathesis.toml")
EXAMPLES: Final = 5
SEED: Final = 7


async def test_a_server_answers_whatever_comes_as_its_document_says(tmp_path: Path) -> None:
    async with served_api(tmp_path) as api:
        ran = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("st")),
            *("--config-file", str(CONFIGURATION), "run", f"{api.url}/openapi.json"),
            *("--header", f"Authorization: {api.headers['Authorization']}", "--checks", "all"),
            *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--continue-on-failure", "--no-color"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await ran.communicate()
        logged = api.log.read_text()
    print(said.decode().rpartition("= SUMMARY =")[2])
    assert ran.returncode == 0, said.decode()
    assert " passed" in said.decode()
    assert '"level": "error"' not in logged
