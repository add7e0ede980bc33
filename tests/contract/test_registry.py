"""The registry over every place: raced for by tasks and processes, its publishers killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.registry import contents
from model.registry.aliases import Alias, Note
from model.registry.cache import Cache, Resolved
from model.registry.contents import Contents
from model.registry.refs import AliasRef
from model.registry.registry import Overtaken, Registry
from model.tiny_version import write_tiny_version
from streams.adapters.objects_folder import FolderObjects

from .object_places import OPENERS, PLACES

CHAMPION = AliasRef("tiny", "champion")
VERSIONS = ("v1", "v2", "v3")
PROMOTERS = 8


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    place = tmp_path_factory.mktemp("versions")
    return tuple(write_tiny_version(place / f"tiny-{name}", version=name) for name in VERSIONS)


@pytest.fixture(scope="module")
def versions(folders: tuple[Path, ...]) -> tuple[Contents, ...]:
    return tuple(contents.of_folder(folder) for folder in folders)


@pytest.fixture(params=PLACES)
async def registry(request: pytest.FixtureRequest) -> AsyncIterator[Registry]:
    async with AsyncExitStack() as stack:
        yield Registry(await OPENERS[request.param](stack, request), where=request.param)


def note(by: str) -> Note:
    return Note(when=datetime.now(UTC), by=by)


async def alias(registry: Registry) -> Alias:
    standing = await registry.alias_state(CHAMPION)
    assert standing is not None
    return standing.alias


async def test_a_version_is_published_promoted_fetched_and_rolled_back(
    registry: Registry, versions: tuple[Contents, ...], tmp_path: Path
) -> None:
    for each in versions[:2]:
        published = await registry.publish(each)
        seen = await registry.alias_state(CHAMPION)
        to = Resolved(version=published.ref.version, digest=published.digest)
        await registry.promote(CHAMPION, to, seen=seen, note=note("anna"))
    assert not (await registry.publish(versions[0])).is_new
    assert await registry.names() == ("tiny",)
    listed = {entry.ref.version: entry.aliases for entry in await registry.versions("tiny")}
    assert listed == {"v1": (), "v2": ("champion",)}
    folder = await registry.fetch(await registry.resolve(CHAMPION), "tiny", Cache(tmp_path / "cache"))
    assert contents.of_folder(folder) == versions[1]
    assert (await registry.rollback(CHAMPION, note=note("anna"))).version == "v1"


async def test_of_many_promoters_at_once_one_wins_each_race_and_the_history_is_one_chain(
    registry: Registry, versions: tuple[Contents, ...]
) -> None:
    targets = [await registry.publish(each) for each in versions]
    won: list[str] = []

    async def promote(number: int) -> None:
        to = targets[number % len(targets)]
        resolved = Resolved(version=to.ref.version, digest=to.digest)
        seen = await registry.alias_state(CHAMPION)
        try:
            await registry.promote(CHAMPION, resolved, seen=seen, note=note(str(number)))
        except Overtaken:
            return
        won.append(str(number))

    for _ in range(3):
        await asyncio.gather(*(promote(number) for number in range(PROMOTERS)))
    history = (await alias(registry)).history
    assert sorted(move.by for move in history) == sorted(won)
    assert [move.came_from for move in history] == [None, *(move.to for move in history[:-1])]
    assert len(won) >= 3


MOVE_MANY_TIMES = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from model.registry.aliases import Note
from model.registry.refs import AliasRef, VersionRef
from model.registry.registry import Overtaken, Registry
from streams.adapters.objects_folder import FolderObjects

async def main(root, who, moves):
    champion, done = AliasRef("tiny", "champion"), 0
    async with FolderObjects(Path(root)) as objects:
        registry = Registry(objects, where=root)
        print("ready", flush=True)
        sys.stdin.readline()  # until all are
        while done < int(moves):
            seen = await registry.alias_state(champion)
            to = await registry.resolve(VersionRef("tiny", f"v{done % 3 + 1}"))
            try:
                await registry.promote(champion, to, seen=seen, note=Note(when=datetime.now(UTC), by=who))
                done += 1
            except Overtaken:
                continue

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_that_race_over_one_folder_lose_none_of_their_moves(
    versions: tuple[Contents, ...], tmp_path: Path
) -> None:
    moves, names = 6, ("anna", "ben", "cleo")
    async with FolderObjects(tmp_path) as objects:
        registry = Registry(objects, where="folder")
        for each in versions:
            await registry.publish(each)
        script = [sys.executable, "-c", MOVE_MANY_TIMES, str(tmp_path)]
        racing = [
            subprocess.Popen(
                [*script, name, str(moves)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for name in names
        ]
        for process in racing:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in racing:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in racing:
            process.communicate(timeout=60)
        assert [process.returncode for process in racing] == [0, 0, 0]
        history = (await alias(registry)).history
    assert sorted(move.by for move in history) == sorted(name for name in names for _ in range(moves))
    assert [move.came_from for move in history] == [None, *(move.to for move in history[:-1])]


DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from model.registry import contents, publishing
from streams.adapters.objects_folder import FolderObjects

class Dying(FolderObjects):
    left = int(sys.argv[3])

    def _put_if_absent(self, key, data):
        if self.left == 0:
            with self._written(data):
                os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        return super()._put_if_absent(key, data)

async def main():
    async with Dying(Path(sys.argv[1])) as objects:
        await publishing.publish(objects, contents.of_folder(Path(sys.argv[2])))

asyncio.run(main())
"""


@pytest.mark.parametrize("puts", [0, 3, 6])
async def test_a_publisher_that_is_killed_leaves_nothing_that_is_listed_and_may_begin_again(
    folders: tuple[Path, ...], versions: tuple[Contents, ...], tmp_path: Path, puts: int
) -> None:
    died = subprocess.run(
        [sys.executable, "-c", DIE, str(tmp_path), str(folders[0]), str(puts)], check=False, timeout=60
    )
    assert died.returncode == -signal.SIGKILL
    async with FolderObjects(tmp_path) as objects:
        registry = Registry(objects, where="folder")
        assert len(await objects.list("")) == puts
        assert await registry.versions("tiny") == ()
        published = await registry.publish(versions[0])
        assert await registry.contents(published.ref) == versions[0]
