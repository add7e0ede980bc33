"""`tagstream batch` over a real storage and store, with a server beside that works at what is submitted."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from model.tiny_version import write_tiny_version
from schemas.api_keys import Scope
from tagstream import cli
from tests.integration.batch_storage import BROKEN, BUCKET, KEYS, BatchStorage, batch_storage, listing
from tests.integration.serve_process import UNHURRIED, ServeProcess, environment, several

FEW: Final = [*KEYS[:5], BROKEN, "r1/gone.png"]
UNKNOWN: Final = "bat_0a1b2c3d4e5f6g7h8i9j0k1l2m"


@pytest.fixture(scope="module")
def storage() -> Iterator[BatchStorage]:
    with batch_storage() as found:
        yield found


@pytest.fixture(scope="module")
def settings(storage: BatchStorage, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, object]:
    """Of the server, and of the commands."""
    folder = write_tiny_version(tmp_path_factory.mktemp("versions") / "tiny")
    return {"MODEL__FOLDER": folder, "MODEL__DEVICE": "cpu", **UNHURRIED, **storage.settings}


@pytest.fixture(scope="module")
def server(
    settings: Mapping[str, object], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServeProcess]:
    with several(tmp_path_factory.mktemp("serve"), Scope.BATCH, **settings) as start:
        yield start()


class Ran(Protocol):
    """Runs `tagstream batch` with these words: its code, standard output and standard error."""

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """How it ends."""


@dataclass(frozen=True)
class Known:
    """A job that is finished."""

    document: dict[str, Any]
    words: tuple[str, ...]

    @property
    def id(self) -> str:
        found: str = self.document["id"]
        return found


@pytest.fixture
def ran(
    settings: Mapping[str, object],
    server: ServeProcess,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ran:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    for name, value in environment({**settings, "STORE__PATH": server.store}).items():
        if name.startswith("TAGSTREAM_"):
            monkeypatch.setenv(name, value)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tagstream", "batch", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert isinstance(end.value.code, int)
        return end.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def prefix() -> str:
    """Where nothing stands yet."""
    return f"jobs/{time.monotonic_ns()}/"


@pytest.fixture
def results(prefix: str) -> tuple[str, str]:
    """The option that names it."""
    return "--output", f"s3://{BUCKET}/{prefix}"


@pytest.fixture
def few(tmp_path: Path) -> str:
    """A list of this machine: five photographs, one that is broken, one that is not there."""
    return written(tmp_path / "few.csv", FEW)


@pytest.fixture
def known(ran: Ran, few: str) -> Known:
    """The job that all tests share which only look at one: its document, and how it was asked for."""
    words = ("submit", few, "--output", f"s3://{BUCKET}/jobs/known/", "--idempotency-key", "known")
    return Known(told(ran(*words, "--json")), words)


def written(path: Path, images: list[str]) -> str:
    path.write_bytes(listing(images))
    return str(path)


def told(answer: tuple[int, str, str], *, code: int = 0) -> dict[str, Any]:
    """The one document of an answer that exits so."""
    assert answer[0] == code, answer
    document: dict[str, Any] = json.loads(answer[1])
    return document


def refused(answer: tuple[int, str, str]) -> str:
    """What is said of a mistake: one line on standard error, and exit 2."""
    code, out, err = answer
    assert (code, out) == (2, ""), answer
    assert err.startswith("tagstream: ")
    assert err.count("\n") == 1
    return err


def test_a_list_of_this_machine_is_scored_and_its_results_are_told(
    ran: Ran, storage: BatchStorage, few: str, *, prefix: str, results: tuple[str, str]
) -> None:
    answer = ran("submit", few, *results, "--json")
    done = told(answer)
    assert answer[2] == ""
    assert (done["state"], done["progress"], done["counts"]["rows"]) == ("finished", 1.0, len(FEW))
    assert done["counts"]["errors"] == {"gone": 1, "undecodable": 1}
    assert done["manifest"] == f"s3://{BUCKET}/{prefix}manifest.json"
    assert storage.read(f"{prefix}batch-input.csv") == Path(few).read_bytes()
    assert [row["image"] for row in storage.rows(prefix)] == FEW


def test_without_a_terminal_it_says_what_is_made_and_how_it_ended_in_plain_lines(
    ran: Ran, few: str, results: tuple[str, str]
) -> None:
    code, out, err = ran("submit", few, *results)
    batch = out.split()[1]
    assert code == 0
    assert err.splitlines()[0] == f"batch {batch} is made: {results[1]}batch-input.csv, by version v1"
    facts = dict(line.split(maxsplit=1) for line in out.splitlines() if not line.startswith(" "))
    assert facts["state"].strip() == "finished"
    assert facts["rows"].strip() == "7 of 7 rows, 2 failed"
    assert facts["results"].strip() == results[1]
    assert facts["next"].strip() == f"tagstream batch errors {batch}"
    assert "\x1b" not in out + err


def test_a_list_in_storage_is_scored_where_it_lies_and_has_no_error_to_tell(
    ran: Ran, storage: BatchStorage, prefix: str, *, results: tuple[str, str]
) -> None:
    storage.put(f"{prefix}list.csv", b"photo\r\n0.png\r\n1.png\r\n")
    source = f"{results[1]}list.csv"
    done = told(ran("submit", source, *results, "--column", "photo", "--base", f"s3://{BUCKET}/r1", "--json"))
    assert (done["state"], done["counts"]["rows"], done["counts"]["failed"]) == ("finished", 2, 0)
    assert [row["photo"] for row in storage.rows(prefix)] == ["0.png", "1.png"]
    assert ran("errors", done["id"]) == (0, "no row has an error so far\n", "")
    assert ran("errors", done["id"], "--json") == (0, "", "")


def test_detached_it_says_which_job_it_is_and_does_not_wait(
    ran: Ran, storage: BatchStorage, few: str, *, results: tuple[str, str]
) -> None:
    made = told(ran("submit", few, *results, "--detach", "--json"))
    assert made["state"] == "running"
    done = told(ran("status", made["id"], "--watch", "--json"))
    assert (done["id"], done["state"]) == (made["id"], "finished")
    assert told(ran("status", "--json"))["id"] == made["id"]
    assert storage.manifest(made["output"]["prefix"])["batch"] == made["id"]


def test_said_again_with_its_key_a_list_makes_no_second_job(ran: Ran, known: Known) -> None:
    assert told(ran(*known.words, "--json")) == known.document
    _, _, err = ran(*known.words)
    assert f"batch {known.id} was made before by the same request" in err
    assert "asked for something else" in refused(ran(*known.words, "--max-failed", "1"))


def test_an_upload_that_was_broken_off_is_found_when_the_command_is_repeated(
    ran: Ran, storage: BatchStorage, few: str, *, prefix: str, results: tuple[str, str]
) -> None:
    first = told(ran("submit", few, *results, "--json"))
    before = storage.listed(f"{prefix}batch-input.csv")
    for key in storage.listed(prefix).keys() - before.keys():  # as it was before the job was made
        storage.delete(key)
    again = told(ran("submit", few, *results, "--json"))
    assert again["id"] != first["id"]
    assert again["state"] == "finished"
    assert storage.listed(f"{prefix}batch-input.csv") == before


def test_another_list_takes_nobody_elses_place(ran: Ran, known: Known, tmp_path: Path) -> None:
    _, listed, *output, _, _ = known.words
    other = written(tmp_path / "other.csv", FEW[:1])
    assert "is another list: name another prefix" in refused(ran("submit", other, *output))
    assert "is not empty" in refused(ran("submit", listed, *output))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nowhere.csv",), "nowhere.csv: it cannot be read: No such file or directory"),
        (("few.csv", "--column", "imag"), "few.csv: none of its columns is called `imag`"),
        (("few.csv", "--base", "s3://other/r1"), "TAGSTREAM_S3__BUCKETS: bucket 'other' is not"),
        (("few.csv", "--output", "s3://other/out/"), "TAGSTREAM_S3__BUCKETS: bucket 'other' is not"),
        (("few.csv", "--output", "out/"), "out/: not the address of an object"),
        (("few.csv", "--model", "tiny/v9"), "no version tiny/v9"),
        (("few.csv", "--model", "tiny@nobody"), "tiny@nobody"),
        (("few.txt",), "few.txt ends with none of .csv"),
        (("s3://photos/gone.csv",), "s3://photos/gone.csv does not exist"),
        (("s3://other/list.csv",), "TAGSTREAM_S3__BUCKETS: bucket 'other' is not"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_leaves_nothing_behind(
    ran: Ran,
    storage: BatchStorage,
    prefix: str,
    words: tuple[str, ...],
    *,
    why: str,
    few: str,
    results: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = Path(few).parent / "registry"
    registry.mkdir()
    monkeypatch.setenv("TAGSTREAM_REGISTRY__URL", str(registry))
    options = () if "--output" in words else results
    assert why in refused(ran("submit", *words, *options))
    assert storage.listed(prefix) == {}


def test_a_list_that_is_mended_is_taken_where_the_broken_one_was_refused(
    ran: Ran, tmp_path: Path, results: tuple[str, str]
) -> None:
    (tmp_path / "list.csv").write_text("img\r\nr1/0.png\r\n")
    refused(ran("submit", "list.csv", *results))
    (tmp_path / "list.csv").write_text("image\r\nr1/0.png\r\n")
    assert told(ran("submit", "list.csv", *results, "--json"))["state"] == "finished"


def test_jobs_are_listed_the_newest_first(ran: Ran, few: str, results: tuple[str, str]) -> None:
    for more in ("one/", "two/"):
        ran("submit", few, results[0], f"{results[1]}{more}", "--detach")
    code, out, _ = ran("list")
    header, newest, before, *_ = out.splitlines()
    assert code == 0
    assert header.split() == ["Id", "State", "Done", "Rows", "Failed", "List"]
    assert "two/batch-input.csv" in newest
    assert "one/batch-input.csv" in before
    listed = [each["id"] for each in json.loads(ran("list", "--json")[1])]
    assert listed[:2] == [newest.split()[0], before.split()[0]]


def test_rows_with_an_error_are_told_a_line_each(ran: Ran, known: Known) -> None:
    code, out, err = ran("errors", known.id, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [(row["row"], row["image"], row["error"]) for row in rows] == [
        (6, BROKEN, "undecodable"),
        (7, "r1/gone.png", "gone"),
    ]
    code, out, _ = ran("errors", known.id)
    assert code == 0
    assert [line.split(": ")[:3] for line in out.splitlines()] == [
        ["row 6", BROKEN, "undecodable"],
        ["row 7", "r1/gone.png", "gone"],
    ]


def test_a_job_that_is_cancelled_ends_the_watch_with_1_and_goes_on_when_it_is_resumed(
    ran: Ran, tmp_path: Path, results: tuple[str, str]
) -> None:
    listed = written(tmp_path / "many.csv", [*KEYS] * 40)
    batch = told(ran("submit", listed, *results, "--detach", "--json"))["id"]
    assert told(ran("cancel", batch, "--json"))["state"] == "cancelled"
    assert told(ran("status", batch, "--watch", "--json"), code=1)["state"] == "cancelled"
    assert told(ran("resume", batch, "--json"))["state"] == "running"
    assert told(ran("status", batch, "--watch", "--json"))["counts"]["rows"] == len(KEYS) * 40
    assert "it is finished: there is nothing to cancel" in refused(ran("cancel", batch))
    assert "it is finished: there is nothing to resume" in refused(ran("resume", batch))


def test_a_job_that_fails_exits_with_1_and_says_what_to_do(
    ran: Ran, tmp_path: Path, results: tuple[str, str]
) -> None:
    listed = written(tmp_path / "gone.csv", ["r1/gone.png"] * 1_001)
    code, out, _ = ran("submit", listed, *results)
    assert code == 1
    assert "1000 of 1000 rows failed, more than 50%, mostly by gone" in " ".join(out.split())
    assert "tagstream batch resume bat_" in out
    batch = out.split()[1]
    assert told(ran("resume", batch, "--max-failed", "1", "--json"))["state"] == "running"
    assert told(ran("status", batch, "--watch", "--json"))["counts"]["failed"] == 1_001


@pytest.mark.parametrize("command", ["status", "errors", "cancel", "resume"])
def test_a_job_that_nobody_knows_is_one_line(ran: Ran, command: str) -> None:
    assert f"batch {UNKNOWN}: there is no such job" in refused(ran(command, UNKNOWN))
