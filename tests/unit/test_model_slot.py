"""A version takes another one's place while images are worked on: none is lost, none is another version's."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from agents.model_slot import ModelSlot
from agents.shared_decoding import SharedDecoding
from agents.tagger import ResidentTagger
from model import checkpoint
from model.decoding.threads import DecodingThreads
from model.policy import Policy
from model.preprocess import Pixels, Preprocess
from model.runtimes.openvino_runtime import OpenVinoRuntime
from model.runtimes.port import Logits
from model.serving import self_check
from model.serving.batcher import BatchLimits
from model.serving.classifier import Classifier
from schemas.errors import Broken, DeviceBroken, Undecodable
from schemas.tags import Scores

from .tiny_taggers import tagger_of, versions

PICTURE = self_check.draw()["menu.png"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    made = versions(tmp_path_factory.mktemp("versions"), "v1", "v2")
    return made["v1"], made["v2"]


class Gate(DecodingThreads):
    """Decodes only while it is open."""

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__(preprocess, count=2)
        self.open = asyncio.Event()
        self.open.set()

    async def decode(self, data: bytes) -> Pixels:
        pixels = await super().decode(data)
        await self.open.wait()
        return pixels


@asynccontextmanager
async def slot_of(first: ResidentTagger) -> AsyncIterator[ModelSlot]:
    async with ModelSlot(first) as slot:
        await slot.warm()
        yield slot


async def scored(slot: ModelSlot) -> Scores:
    return (await slot.score(await slot.decode(PICTURE))).scores


async def test_after_a_swap_the_next_image_is_the_new_version_s(folders: tuple[Path, Path]) -> None:
    async with slot_of(tagger_of(folders[0])) as slot:
        assert (await scored(slot)).model.version == "v1"
        await slot.swap(tagger_of(folders[1]))
        assert slot.model.version == "v2"
        assert (await scored(slot)).model.version == "v2"
        await slot.close_leaving()


async def test_what_was_decoded_for_a_version_is_scored_by_it_after_the_swap(
    folders: tuple[Path, Path],
) -> None:
    async with slot_of(tagger_of(folders[0])) as slot:
        before = await scored(slot)
        prepared = await slot.decode(PICTURE)
        await slot.swap(tagger_of(folders[1]))
        leaving = asyncio.create_task(slot.close_leaving())
        await asyncio.sleep(0.1)
        assert not leaving.done()
        assert (await slot.score(prepared)).scores == before
        del prepared
        await leaving


async def test_an_image_that_is_being_decoded_keeps_its_version_open(folders: tuple[Path, Path]) -> None:
    gate = Gate(Preprocess(size=64))
    async with slot_of(tagger_of(folders[0], decoding=gate)) as slot:
        gate.open.clear()
        decoding = asyncio.create_task(slot.decode(PICTURE))
        await asyncio.sleep(0)
        await slot.swap(tagger_of(folders[1]))
        leaving = asyncio.create_task(slot.close_leaving())
        gate.open.set()
        assert (await slot.score(await decoding)).scores.model.version == "v1"
        del decoding
        await leaving


async def test_pixels_that_nobody_will_score_keep_no_version_open(folders: tuple[Path, Path]) -> None:
    async with slot_of(tagger_of(folders[0])) as slot:
        await slot.decode(PICTURE)
        with pytest.raises(Undecodable):
            await slot.decode(b"none")
        await slot.swap(tagger_of(folders[1]))
        await slot.close_leaving()


async def test_scores_are_decided_by_the_rules_of_whoever_made_them(folders: tuple[Path, Path]) -> None:
    old = tagger_of(folders[0])
    old.policy = Policy(dict.fromkeys(old.policy.thresholds, 0.0), ())
    async with slot_of(old) as slot:
        scores = await scored(slot)
        await slot.swap(tagger_of(folders[1]))
        await slot.close_leaving()
        verdict = slot.decide(scores, None)
        assert verdict.tagged == tuple(tag.label for tag in verdict.tags)  # its thresholds are 0
        assert slot.correct(verdict, ()).routes == ()


async def test_many_images_through_many_swaps_all_get_the_scores_of_their_version(
    folders: tuple[Path, Path],
) -> None:
    known = {}
    for folder in folders:
        async with slot_of(tagger_of(folder)) as slot:
            scores = await scored(slot)
            known[scores.model.version] = scores
    found: list[Scores] = []
    async with slot_of(tagger_of(folders[0])) as slot:

        async def uploads() -> None:
            while not done.is_set():
                found.extend(await asyncio.gather(*(scored(slot) for _ in range(5))))

        done = asyncio.Event()
        working = asyncio.create_task(uploads())
        for turn in range(6):
            await slot.swap(tagger_of(folders[(turn + 1) % 2]))
            await slot.close_leaving()
        done.set()
        await working
        statistics = slot.statistics()
    assert {scores.model.version for scores in found} == {"v1", "v2"}
    for scores in found:
        assert scores.probabilities == pytest.approx(known[scores.model.version].probabilities, abs=1e-5)
    assert statistics.device.items == len(found)
    assert statistics.in_forward == statistics.waiting == 0


async def test_a_closed_version_is_gone_from_memory_without_the_collector(
    folders: tuple[Path, Path],
) -> None:
    async with slot_of(tagger_of(folders[0])) as slot:
        await slot.swap(second := tagger_of(folders[1]))
        ghost = weakref.ref(second._classifier)
        del second
        await scored(slot)
        gc.collect()
        gc.freeze()  # as a worker does: what is in a circle then stays for ever
        try:
            await slot.swap(tagger_of(folders[0]))
            await slot.close_leaving()
            await asyncio.sleep(0)
            assert ghost() is None
        finally:
            gc.unfreeze()


async def test_a_version_whose_decoders_do_not_come_up_leaves_everything_as_it_was(
    folders: tuple[Path, Path],
) -> None:
    class Broke(Gate):
        async def warm(self) -> None:
            raise Broken("no decoder decodes a known-good image")

    async with slot_of(tagger_of(folders[0])) as slot:
        with pytest.raises(Broken, match="no decoder"):
            await slot.swap(tagger_of(folders[1], decoding=Broke(Preprocess(size=64))))
        await slot.close_leaving()
        assert (await scored(slot)).model.version == "v1"


async def test_a_pinned_version_stays_until_it_is_let_go(folders: tuple[Path, Path]) -> None:
    async with slot_of(tagger_of(folders[0])) as slot:
        with slot.pinned("v2") as nobody:
            assert nobody is None
        with slot.pinned("v1") as pinned:
            assert pinned is not None
            await slot.swap(tagger_of(folders[1]))
            leaving = asyncio.create_task(slot.close_leaving())
            await asyncio.sleep(0.1)
            assert (await pinned.score(await pinned.decode(PICTURE))).scores.model.version == "v1"
            assert not leaving.done()
        await leaving
        assert slot.is_resident("v2")
        assert not slot.is_resident("v1")


async def test_two_who_wait_for_the_last_image_of_a_version_close_it_once(
    folders: tuple[Path, Path],
) -> None:
    """As the follower of an alias does after a swap, and whoever lets go of unused versions now and then."""
    async with slot_of(tagger_of(folders[0])) as slot:
        prepared = await slot.decode(PICTURE)
        await slot.swap(tagger_of(folders[1]))
        closers = [asyncio.create_task(slot.close_leaving()) for _ in range(2)]
        await asyncio.sleep(0.1)
        await slot.score(prepared)
        del prepared
        await asyncio.gather(*closers)
        assert slot.statistics().device.items == 1


class Breaking(OpenVinoRuntime):
    """Scores until it is broken."""

    is_broken = False

    def logits(self, images: Sequence[Pixels]) -> Logits:
        if self.is_broken:
            raise RuntimeError("the device is gone")
        return super().logits(images)


def breaking(folder: Path) -> tuple[ResidentTagger, Breaking]:
    """A tagger, and its device."""
    version = checkpoint.read(folder)
    runtime = Breaking(version, threads=1)
    classifier = Classifier(version, runtime)
    decoding = DecodingThreads(classifier.preprocess, count=2)
    policy = Policy.of(classifier.manifest)
    return ResidentTagger(classifier, policy, batches=BatchLimits(max_size=4), decoding=decoding), runtime


async def test_the_death_of_a_version_beside_takes_nobody_with_it(folders: tuple[Path, Path]) -> None:
    other, device = breaking(folders[1])
    async with slot_of(tagger_of(folders[0])) as slot:
        died = asyncio.create_task(slot.died())
        await slot.add(other)
        device.is_broken = True
        with slot.pinned("v2") as pinned:
            assert pinned is not None
            prepared = await pinned.decode(PICTURE)
            with pytest.raises(DeviceBroken):
                await pinned.score(prepared)
        async with asyncio.timeout(5):
            while slot.is_resident("v2"):
                await asyncio.sleep(0)
        assert (await scored(slot)).model.version == "v1"
        assert not died.done()
        died.cancel()


async def test_the_death_of_the_version_that_came_is_told(folders: tuple[Path, Path]) -> None:
    new, runtime = breaking(folders[1])
    stack = AsyncExitStack()
    slot = await stack.enter_async_context(slot_of(tagger_of(folders[0])))
    died = asyncio.create_task(slot.died())
    await slot.swap(new)
    await slot.close_leaving()
    assert not died.done()
    runtime.is_broken = True
    with pytest.raises(DeviceBroken):
        await scored(slot)
    assert isinstance(await died, DeviceBroken)
    with pytest.raises(DeviceBroken):
        await stack.aclose()


async def test_versions_that_want_the_same_pixels_share_their_decoders(folders: tuple[Path, Path]) -> None:
    made: list[Gate] = []

    def make(preprocess: Preprocess) -> Gate:
        made.append(Gate(preprocess))
        return made[-1]

    shared = SharedDecoding(make)
    classifiers = [Classifier.load(folder, device="cpu", threads=1) for folder in folders]
    first, second, other = (
        shared(each) for each in (*(c.preprocess for c in classifiers), Preprocess(size=32))
    )
    async with first:
        async with second, other:
            await second.warm()
            assert [gate._preprocess.size for gate in made] == [64, 32]
        assert (await first.decode(PICTURE)).shape == (3, 64, 64)
