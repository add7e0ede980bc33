"""deploy/Dockerfile and deploy/minio.Dockerfile: what can be known of them without a Docker engine."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.wiring import settings
from schemas.api_settings import ApiSettings

ROOT = Path(__file__).parents[2]
DOCKERFILES = (ROOT / "deploy" / "Dockerfile", ROOT / "deploy" / "minio.Dockerfile")


@dataclass(frozen=True)
class Instruction:
    """One of a Dockerfile, its continuations joined."""

    keyword: str
    rest: str


def instructions(path: Path) -> list[Instruction]:
    lines = (line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()
    return [Instruction(*line.split(maxsplit=1)) for line in joined]


def last_stage(path: Path) -> list[Instruction]:
    all_of_them = instructions(path)
    begins = max(place for place, step in enumerate(all_of_them) if step.keyword == "FROM")
    return all_of_them[begins:]


def the(keyword: str, steps: list[Instruction]) -> str:
    found = [step.rest for step in steps if step.keyword == keyword]
    assert len(found) == 1, f"{len(found)} of {keyword}"
    return found[0]


def environment() -> dict[str, str]:
    rest = the("ENV", last_stage(DOCKERFILES[0]))
    return dict(pair.split("=", 1) for pair in shlex.split(rest))


def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def copied() -> list[str]:
    """What is taken from the repository."""
    steps = [step.rest for step in instructions(DOCKERFILES[0]) if step.keyword == "COPY"]
    return [source for step in steps if not step.startswith("--from=") for source in step.split()[:-1]]


each = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)


@each
def test_every_base_is_pinned_to_a_release(dockerfile: Path) -> None:
    bases = [step.rest.split()[0] for step in instructions(dockerfile) if step.keyword == "FROM"]
    assert len(bases) == 2
    for base in bases:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+(-[a-z-]+)?", base)


@each
def test_it_runs_as_a_user_of_its_own_by_number(dockerfile: Path) -> None:
    steps = last_stage(dockerfile)
    keywords = [step.keyword for step in steps]
    assert re.fullmatch(r"1\d{4}:1\d{4}", the("USER", steps))
    assert keywords.index("USER") < keywords.index("ENTRYPOINT")


@each
def test_signals_reach_the_program(dockerfile: Path) -> None:
    steps = last_stage(dockerfile)
    assert the("STOPSIGNAL", steps) == "SIGTERM"
    for keyword in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(the(keyword, steps)), list)  # exec form: no shell in between


@each
def test_nothing_is_added_from_an_address(dockerfile: Path) -> None:
    assert all(step.keyword != "ADD" for step in instructions(dockerfile))
    assert "://" not in dockerfile.read_text()


def test_every_package_of_the_wheel_is_copied() -> None:
    packages = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= set(copied())
    assert all((ROOT / source).exists() for source in copied())


def test_what_is_copied_is_let_through_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())


def test_dependencies_come_from_a_lock_file_by_their_hashes() -> None:
    steps = instructions(DOCKERFILES[0])
    runs = [step.rest for step in steps if step.keyword == "RUN"]
    assert the("ARG", steps) == "FOR=serve"
    assert any("--require-hashes -r requirements-${FOR}.lock" in run for run in runs)
    assert any("--no-deps --no-build-isolation ." in run for run in runs)


def test_what_builds_it_is_taken_out_again() -> None:
    run = next(step.rest for step in instructions(DOCKERFILES[0]) if "uv pip uninstall" in step.rest)
    removed = run.partition("uv pip uninstall ")[2].split()
    assert set(removed) == {
        need.partition(">")[0] for need in project()["project"]["optional-dependencies"]["build"]
    }


def locked(lock: str) -> set[str]:
    """`name==version` of every line of a lock file."""
    return set(re.findall(r"^[a-z0-9_.-]+==[^ ]+", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", ["deploy/requirements-serve.lock", "deploy/requirements-gpu.lock"])
def test_what_serves_is_of_the_versions_that_were_tested(lock: str) -> None:
    assert locked(lock)
    assert locked(lock) <= locked("requirements.lock")


def test_what_serves_on_processors_has_no_torch() -> None:
    names = {pin.partition("==")[0] for pin in locked("deploy/requirements-serve.lock")}
    assert "openvino" in names
    assert not {name for name in names if name.startswith(("torch", "nvidia", "timm", "triton"))}
    assert "torch" in {pin.partition("==")[0] for pin in locked("deploy/requirements-gpu.lock")}


def test_the_makefile_builds_with_the_same_installer() -> None:
    pinned = re.search(r"UV_VERSION := (\S+)", (ROOT / "Makefile").read_text())
    assert pinned is not None
    assert f"uv=={pinned[1]}" in DOCKERFILES[0].read_text()


def test_the_build_checks_the_golden_pictures_as_the_user_that_will_serve() -> None:
    steps = last_stage(DOCKERFILES[0])
    keywords = [step.keyword for step in steps]
    assert keywords.index("USER") < keywords.index("RUN", keywords.index("USER"))
    _, *arguments = golden_check()
    subprocess.run([sys.executable, *arguments], check=True, cwd=ROOT, timeout=100)


def golden_check() -> list[str]:
    command: list[str] = json.loads(
        next(step.rest for step in last_stage(DOCKERFILES[0]) if "check_golden" in step.rest)
    )
    return command


def test_the_golden_check_fails_for_a_version_that_scores_otherwise(tmp_path: Path) -> None:
    _, *arguments = golden_check()
    damaged = tmp_path / "restaurant-v2"
    code = arguments[1].replace(
        "from model.checkpoint import PACKAGED", f"PACKAGED = __import__('pathlib').Path({str(damaged)!r})"
    )
    make_off(damaged)
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=100, capture_output=True, check=False
    )
    assert ended.returncode != 0
    assert b"DeviceBroken" in ended.stderr


def make_off(folder: Path) -> None:
    """The packaged version, but its manifest tells other golden scores."""
    import shutil  # noqa: PLC0415

    from model.checkpoint import PACKAGED  # noqa: PLC0415

    shutil.copytree(PACKAGED, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for golden in manifest["golden"]:
        golden["scores"] = {label: 1 - score for label, score in golden["scores"].items()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_every_setting_of_the_image_is_one() -> None:
    known = set(settings.names())
    ours = {name for name in environment() if name.startswith(settings.PREFIX)}
    assert ours
    assert ours <= known


def test_nothing_but_the_temporary_folder_is_written_to() -> None:
    assert environment()["HOME"] == "/tmp"  # noqa: S108 - the container's own
    assert environment()["PYTHONDONTWRITEBYTECODE"] == "1"
    assert the("WORKDIR", last_stage(DOCKERFILES[0])) == "/tmp"  # noqa: S108


def test_the_health_check_asks_the_port_that_the_image_listens_on() -> None:
    steps = last_stage(DOCKERFILES[0])
    port = str(ApiSettings().port)
    assert the("EXPOSE", steps).split() == [environment()["TAGSTREAM_METRICS__PORT"], port]
    assert json.loads(the("HEALTHCHECK", steps).partition("CMD ")[2])[1:] == [
        "/app/deploy/healthcheck.py",
        "/readyz",
    ]
