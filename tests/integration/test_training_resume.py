"""A training that was killed, wherever, goes on to the same weights; what it cannot go on from is refused."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.training.checkpoints import INDEX, Checkpoints, beside
from model.training.recipe import Recipe
from model.training.run import TrainingJob, TrainingResult, train
from model.training.watch import OptimizerStep, Watch
from schemas.errors import ConfigurationError
from tests.unit.training_builders import RECIPE, STEPS, shapes

DEADLY = """
import json, os, signal, sys
from pathlib import Path
from model.training.checkpoints import INDEX, beside
from model.training.watch import Watch
from model.training.run import TrainingJob, train
from tests.unit.training_builders import RECIPE

photographs, output, *steps = sys.argv[1:]
job = TrainingJob(Path(photographs), Path(output), recipe=RECIPE, threads=1, checkpoint_steps=3)
for last in map(int, steps):
    def on_step(step):
        if step.number == last:
            os.kill(os.getpid(), signal.SIGKILL)

    if (child := os.fork()) == 0:  # a process of its own for each training, for one import of torch
        train(job, watch=Watch(on_step=on_step))
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
    print(json.loads((beside(job.output) / INDEX).read_text())["step"])
"""


class Stop(Exception):
    """The end of a run, in its middle."""


def stopping(at: int) -> Watch:
    def on_step(step: OptimizerStep) -> None:
        if step.number == at:
            raise Stop

    return Watch(on_step=on_step)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes(tmp_path_factory.mktemp("resume") / "shapes")


Ordering = Callable[..., TrainingJob]


@pytest.fixture
def ordered(photographs: Path, tmp_path: Path) -> Ordering:
    def order(recipe: Recipe = RECIPE, *, name: str = "shapes-v1", fresh: bool = False) -> TrainingJob:
        return TrainingJob(
            photographs,
            tmp_path / name,
            recipe=recipe,
            threads=1,
            checkpoint_steps=3,
            fresh=fresh,
            test=False,
        )

    return order


@pytest.fixture(scope="module")
def straight(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    output = tmp_path_factory.mktemp("straight") / "shapes-v1"
    return train(TrainingJob(photographs, output, recipe=RECIPE, threads=1, test=False))


def checkpointed(order: TrainingJob) -> int:
    index = json.loads((beside(order.output) / INDEX).read_text())
    return int(index["step"])


def test_killed_by_force_in_mid_epoch_again_and_again_it_ends_with_the_same_weights(
    ordered: Ordering, straight: TrainingResult
) -> None:
    order = ordered()
    steps = ["2", str(STEPS + 1), str(2 * STEPS - 1)]
    command = [sys.executable, "-c", DEADLY, str(order.photographs), str(order.output), *steps]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["9", "0", "9", "6", "9", "12"], ended.stderr
    assert not order.output.exists()
    resumed = train(order)
    assert resumed.manifest.sha256 == straight.manifest.sha256
    assert resumed.trained.trials == straight.trained.trials
    assert not beside(order.output).exists()


@pytest.mark.parametrize("step", [1, 4, STEPS, STEPS + 1, 2 * STEPS])
def test_stopped_after_any_step_it_ends_with_the_same_weights(
    ordered: Ordering, straight: TrainingResult, step: int
) -> None:
    with pytest.raises(Stop):
        train(ordered(), watch=stopping(step))
    said: list[str] = []
    resumed = train(ordered(), watch=Watch(say=said.append))
    assert resumed.manifest.sha256 == straight.manifest.sha256
    assert resumed.trained.trials == straight.trained.trials
    assert any("goes on from step" in line for line in said)


def test_what_else_a_run_does_changes_no_bit(
    ordered: Ordering, straight: TrainingResult, tmp_path: Path
) -> None:
    order = replace(
        ordered(), loaders=5, cache=tmp_path / "cache", tensorboard=tmp_path / "board", checkpoint_steps=1
    )
    assert train(order).manifest.sha256 == straight.manifest.sha256


def test_averages_frozen_epochs_and_learned_norms_are_taken_up_too(ordered: Ordering) -> None:
    recipe = replace(RECIPE, freeze_epochs=1, norms="learned", augment="strong", average=0.9)
    through = train(ordered(recipe, name="through-v1"))
    for step in (2, STEPS + 2):
        with pytest.raises(Stop):
            train(ordered(recipe), watch=stopping(step))
    assert train(ordered(recipe)).manifest.sha256 == through.manifest.sha256


def test_the_best_weights_so_far_are_taken_up_too(ordered: Ordering) -> None:
    spoiling = replace(RECIPE, head_rate=1.0, body_rate=1.0, blends=())
    through = train(ordered(spoiling, name="through-v1"))
    assert through.trained.chosen.name == "probe"
    with pytest.raises(Stop):
        train(ordered(spoiling), watch=stopping(STEPS))
    assert train(ordered(spoiling)).manifest.sha256 == through.manifest.sha256


def test_another_seed_trains_other_weights(ordered: Ordering, straight: TrainingResult) -> None:
    assert train(ordered(replace(RECIPE, seed=1))).manifest.sha256 != straight.manifest.sha256


def test_other_numbers_than_the_checkpoint_s_are_refused_by_name(ordered: Ordering) -> None:
    with pytest.raises(Stop):
        train(ordered(), watch=stopping(4))
    changed = replace(RECIPE, epochs=3, head_rate=0.5)
    with pytest.raises(
        ConfigurationError, match=r"epochs was 2 and is 3; head_rate was 0\.001 and is 0\.5.*--fresh"
    ):
        train(ordered(changed))
    assert checkpointed(ordered()) == 3


def test_other_photographs_than_the_checkpoint_s_are_refused(ordered: Ordering, tmp_path: Path) -> None:
    own = shapes(tmp_path / "own", of_each=8)
    order = replace(ordered(), photographs=own)
    with pytest.raises(Stop):
        train(order, watch=stopping(1))
    (own / "disc" / "disc3.png").write_bytes((own / "disc" / "disc4.png").read_bytes())
    with pytest.raises(ConfigurationError, match=r"pictures to .* by|pictures to learn from was"):
        train(order)


def test_fresh_begins_anew(ordered: Ordering) -> None:
    with pytest.raises(Stop):
        train(ordered(replace(RECIPE, seed=5)), watch=stopping(5))
    first: list[int] = []
    train(ordered(fresh=True), watch=Watch(on_step=lambda step: first.append(step.number)))
    assert first[0] == 1


def test_a_damaged_checkpoint_is_refused_and_fresh_gets_past_it(ordered: Ordering) -> None:
    with pytest.raises(Stop):
        train(ordered(), watch=stopping(4))
    (state,) = beside(ordered().output).glob("state-*")
    data = bytearray(state.read_bytes())
    data[-3] ^= 1
    state.write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"damaged checkpoint.*--fresh"):
        train(ordered())
    (beside(ordered().output) / INDEX).write_text("{")
    with pytest.raises(ConfigurationError, match=r"damaged checkpoint.*--fresh"):
        train(ordered())
    assert train(ordered(fresh=True)).manifest.name == "shapes"


def test_a_full_disk_is_said_and_the_earlier_checkpoint_stays_good(
    ordered: Ordering, straight: TrainingResult
) -> None:
    def on_step(step: OptimizerStep) -> None:
        if step.number == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, unlimited))

    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    try:
        with pytest.raises(ConfigurationError, match=r"checkpoint of step 6 cannot be written.*from step 3"):
            train(ordered(), watch=Watch(on_step=on_step))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
    assert checkpointed(ordered()) == 3
    assert train(ordered()).manifest.sha256 == straight.manifest.sha256


def test_of_two_that_would_write_one_version_the_second_is_refused(ordered: Ordering) -> None:
    refused: list[str] = []

    def on_step(step: OptimizerStep) -> None:
        if step.number == 2:
            with pytest.raises(ConfigurationError, match="another training") as caught:
                train(ordered())
            refused.append(str(caught.value))

    train(ordered(), watch=Watch(on_step=on_step))
    assert len(refused) == 1


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(ordered: Ordering) -> None:
    wild = replace(RECIPE, body_rate=1e30, head_rate=1e30)
    with pytest.raises(ConfigurationError, match=r"at step \d+.*rate .*--rate.*--fresh"):
        train(ordered(wild))
    with Checkpoints(beside(ordered().output), settings={}) as kept:
        saved = kept.last()
    assert saved is not None
    assert all(tensor.isfinite().all() for tensor in saved.parts["state"].tensors.values())


def test_what_fails_before_the_first_checkpoint_leaves_nothing_behind(ordered: Ordering) -> None:
    order = replace(ordered(), weights=Path("nowhere.safetensors"))
    ticks: list[str] = []
    with pytest.raises(ConfigurationError, match="nowhere"):
        train(order, watch=Watch(tick=lambda what, _done, _total: ticks.append(what)))
    assert ticks == []
    assert not beside(order.output).exists()
    assert list(order.output.parent.iterdir()) == []


def test_a_batch_that_the_memory_does_not_hold_names_the_option(ordered: Ordering) -> None:
    def on_step(step: OptimizerStep) -> None:
        raise torch.OutOfMemoryError(f"CUDA out of memory at {step.number}")

    with pytest.raises(ConfigurationError, match="--batch-size"):
        train(ordered(), watch=Watch(on_step=on_step))
