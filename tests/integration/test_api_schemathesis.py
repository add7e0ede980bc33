"""Property tests of the HTTP API out of its own document: a server that runs answers as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from schemas import topics
from streams.adapters.kafka.connection import EmbeddedBroker
from tests.integration.photo_storage import photo_storage
from tests.integration.serve_process import UNHURRIED, serving

pytestmark = pytest.mark.timeout(400)

CONFIGURATION: Final = Path(__file__).with_name("schemathesis.toml")
EXAMPLES: Final = 5
SEED: Final = 7
LISTS: Final = {"jobs/nov.csv": b"image\nnobody.jpg\n"}
"""That of the document's own example."""


def test_a_server_answers_whatever_comes_as_its_document_says(tmp_path: Path) -> None:
    with (
        photo_storage(LISTS) as storage,
        EmbeddedBroker() as broker,
        serving(tmp_path, **UNHURRIED, **storage, KAFKA__BROKERS=broker.bootstrap) as api,
    ):
        broker.create(*topics.ALL)  # an erasure of what the store does not know is told to consumers
        ran = subprocess.run(
            [
                str(Path(sys.executable).with_name("st")),
                *("--config-file", str(CONFIGURATION), "run", f"{api.address}/openapi.json"),
                *("--header", f"Authorization: {api.bearer['Authorization']}", "--checks", "all"),
                *(
                    "--max-examples",
                    str(EXAMPLES),
                    "--seed",
                    str(SEED),
                    "--continue-on-failure",
                    "--no-color",
                ),
            ],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert api.stop() == 0, api.said()[-4000:]
    print(ran.stdout.rpartition("= SUMMARY =")[2])
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout
    assert '"level": "error"' not in api.said()
