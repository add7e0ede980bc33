"""The commands over a folder, from publication to rollback, with networks that a test can understand."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from model import checkpoint
from model.checkpoint import Version, sha256
from model.data import dataset
from model.evaluation import figures, predict, recording
from model.registry import contents
from model.serving.classifier import Classifier
from schemas.errors import ConfigurationError
from tagstream.commands.model.versions import fetch, listing, promote, rollback, show
from tagstream.commands.model.versions import publish as publishing
from tagstream.commands.options import resolve

from . import registry_builders as builders


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options that name photographs and negatives."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("data")
    photographs, others = builders.photographs(place / "photos"), builders.negatives(place / "others")
    return ["--data", str(photographs), "--negatives", str(others)]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAGSTREAM_REGISTRY__URL", str(tmp_path / "registry"))
    monkeypatch.setenv("TAGSTREAM_REGISTRY__CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TAGSTREAM_MODEL__DEVICE", "cpu")
    monkeypatch.setenv("TAGSTREAM_MODEL__THREADS", "1")
    return tmp_path / "registry"


def alone(command: Callable[..., None]) -> typer.Typer:
    made = typer.Typer()
    made.command()(command)
    return made


COMMANDS = {
    "publish": alone(publishing),
    "list": alone(listing),
    "show": alone(show),
    "promote": alone(promote),
    "rollback": alone(rollback),
    "fetch": alone(fetch),
}
"""One by one: at each call Typer makes every command of an app anew, which takes longer than ours do."""


def run(name: str, *words: str) -> Result:
    result = CliRunner().invoke(COMMANDS[name], list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(*words: str) -> Any:
    return json.loads(run(*words, "--json").stdout)


def crown(place: Path) -> None:
    """A first champion, whatever it is worth."""
    run("promote", publish(place, builders.version("v1")), "--force", "--reason", "somebody has to begin")


def publish(place: Path, made: Version) -> str:
    """`made`, published; its ref."""
    folder = builders.written(place / f"colours-{made.manifest.version}", made)
    return str(told("publish", str(folder))["ref"])


def refused(found: dict[str, Any]) -> set[str]:
    return {row["name"] for row in found["gate"]["rows"] if row["verdict"] == "refused"}


def test_a_version_goes_from_its_folder_to_champion_and_back(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    first = publish(tmp_path, builders.version("v1"))
    assert told("promote", first, *data)["gate"]["note"].startswith("the first champion")
    learned = builders.taught(Path(data[1]), shuffled=False)
    second = publish(tmp_path, builders.version("v2", last=learned))
    found = told("promote", second, *data, "--reason", "learned from more")
    assert found["promoted"]
    assert found["gate"]["photographs"] == 84
    assert refused(found) == set()

    entries = {each["version"]: each for each in told("list", "colours")}
    assert entries["v2"]["aliases"] == ["champion"]
    assert entries["v1"]["bytes"] == sum(
        file.stat().st_size for file in (registry / first).rglob("*") if file.is_file()
    )
    shown = told("show", "colours@champion")
    assert (shown["ref"], shown["card"].splitlines()[0]) == ("colours/v2", "# colours v2")
    assert [(move["from"], move["to"]) for move in shown["aliases"]["champion"]["history"]] == [
        (None, "v1"),
        ("v1", "v2"),
    ]
    assert told("rollback", "colours", "--reason", "worse at dusk")["version"] == "v1"
    fetched = told("fetch", "colours@champion")
    assert fetched["ref"] == "colours/v1"
    assert checkpoint.read(Path(fetched["folder"])).manifest.version == "v1"


def test_the_tables_say_what_the_documents_say(registry: Path, tmp_path: Path, data: list[str]) -> None:
    del registry
    first, second = (publish(tmp_path, builders.version(number)) for number in ("v1", "v2"))
    assert "colours@champion is v1 now" in run("promote", first, *data).stdout
    moved = run("promote", second, *data)
    assert "top_accuracy" in moved.stdout
    assert "colours@champion is v2 now, and was v1" in moved.stdout
    assert "84 photographs" in moved.stdout
    assert "colours@champion is there already" in run("promote", second, *data).stdout
    assert "champion" in run("list").stdout
    assert "colours@champion is v2" in run("show", second).stdout
    assert "colours@champion is v1 again" in run("rollback", "colours@champion").stdout


def test_a_version_of_shuffled_labels_is_refused_and_moves_nothing(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    del registry
    crown(tmp_path)
    shuffled = builders.taught(Path(data[1]), shuffled=True)
    candidate = publish(tmp_path, builders.version("v2", last=shuffled))
    result = run("promote", candidate, *data, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert not found["promoted"]
    assert {"top_accuracy", "f1_samples", "mixed_all_found", "green: recall"} <= refused(found)
    assert "source house 0: top_accuracy" in refused(found)
    assert told("show", "colours@champion")["ref"] == "colours/v1"
    said = run("promote", candidate, *data).stdout
    assert "refused: colours/v2 is not fit for colours@champion" in said
    last = said.splitlines()[-1]
    assert last.startswith("refused by: ")
    assert "top_accuracy (champion " in last


def test_force_moves_what_the_gate_refuses_for_a_reason_that_is_kept_and_shown(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    del registry
    crown(tmp_path)
    shuffled = builders.taught(Path(data[1]), shuffled=True)
    candidate = publish(tmp_path, builders.version("v2", last=shuffled))
    with pytest.raises(ConfigurationError, match="--force wants a --reason"):
        run("promote", candidate, *data, "--force")
    found = told("promote", candidate, *data, "--force", "--reason", "a drill")
    assert found["promoted"]
    (_, move) = told("show", "colours@champion")["aliases"]["champion"]["history"]
    assert (move["forced"], move["reason"], move["gate"]["verdict"]) == (True, "a drill", "refused")
    assert "top_accuracy" in {row["name"] for row in move["gate"]["refused"]}
    assert "a drill" in run("show", "colours@champion").stdout


def test_a_flipped_byte_of_the_weights_is_refused_by_whoever_loads_or_promotes_it(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    crown(tmp_path)
    candidate = publish(tmp_path, builders.version("v2"))
    weights = registry / candidate / "model.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    for command in (["promote", candidate, *data, "--force", "--reason", "x"], ["fetch", candidate]):
        with pytest.raises(
            ConfigurationError, match=r"model\.safetensors: damaged or replaced.*publish the version's folder"
        ):
            run(*command)
    assert told("show", "colours@champion")["ref"] == "colours/v1"


def test_a_flipped_byte_of_the_champion_itself_stops_workers_and_not_who_mends_it(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    crown(tmp_path)
    run("promote", publish(tmp_path, builders.version("v2")), *data)
    shutil.rmtree(tmp_path / "cache")
    weights = registry / "colours" / "v2" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    third = publish(tmp_path, builders.version("v3"))
    with pytest.raises(ConfigurationError, match="the champion itself cannot be loaded"):
        run("promote", third, *data)
    assert told("promote", third, *data, "--force", "--reason", "v2 is damaged")["promoted"]


def test_other_labels_or_another_order_or_another_task_are_refused(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    del registry
    crown(tmp_path)
    labels = ("blue", "green", "pink")
    renamed = publish(tmp_path, builders.version("v2", labels=labels))
    order = ("red", "green", "blue")
    turned = publish(tmp_path, builders.version("v3", labels=order, last=builders.head(order)))
    single = publish(tmp_path, builders.edited(builders.version("v4"), task="single_label", golden=()))
    for candidate, name in ((renamed, "labels, in order"), (turned, "labels, in order"), (single, "task")):
        assert refused(told("promote", candidate, *data)) == {name}


def test_a_manifest_that_claims_other_labels_than_its_weights_is_not_published(
    registry: Path, tmp_path: Path
) -> None:
    del registry
    folder = builders.written(tmp_path / "colours-v1", builders.version("v1"))
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"green"', '"pink"'))
    with pytest.raises(ConfigurationError, match="made for the labels"):
        run("publish", str(folder))


def test_thresholds_by_which_everything_is_tagged_are_refused_with_photographs_and_without(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    del registry
    first = builders.written(tmp_path / "one", builders.version("v1"))
    _evaluated(first, data)
    run("publish", str(first))
    assert told("promote", "colours/v1")["promoted"]
    honest = builders.written(tmp_path / "two", builders.version("v2"))
    _evaluated(honest, data)
    run("publish", str(honest))
    assert refused(told("promote", "colours/v2")) == set()

    tampered = tmp_path / "three"
    shutil.copytree(honest, tampered)
    manifest = json.loads((tampered / "manifest.json").read_bytes())
    thresholds = dict.fromkeys(builders.LABELS, 0.0)
    manifest |= {"version": "v3", "thresholds": thresholds}
    (tampered / "manifest.json").write_text(json.dumps(manifest))
    run("publish", str(tampered))
    by_record = told("promote", "colours/v3")
    assert refused(by_record) == {"figures"}
    assert "not taken with these weights, labels and thresholds" in json.dumps(by_record)
    by_looking = refused(told("promote", "colours/v3", *data))
    assert {"negatives_acted_on", "singles_with_extra", "f1_samples", "green: tag_precision"} <= by_looking
    assert "top_accuracy" not in by_looking


def test_a_manifest_that_was_tampered_with_after_its_promotion_is_not_loaded(
    registry: Path, tmp_path: Path
) -> None:
    crown(tmp_path)
    manifest = registry / "colours" / "v1" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("0.5", "0.0"))
    run("fetch", "colours@champion")  # what this machine has is what was promoted
    shutil.rmtree(tmp_path / "cache")
    for command in (["fetch", "colours@champion"], ["show", "colours@champion"]):
        with pytest.raises(ConfigurationError, match="not the manifest that was promoted"):
            run(*command)


def test_a_pickle_by_the_name_of_the_weights_is_neither_published_nor_fetched(
    registry: Path, tmp_path: Path
) -> None:
    folder = builders.written(tmp_path / "colours-v1", builders.version("v1"))
    run("publish", str(folder))
    data = pickle.dumps(Explosive(tmp_path / "exploded"))
    manifest = json.loads((folder / "manifest.json").read_bytes()) | {"sha256": sha256(data)}
    for place in (folder, registry / "colours" / "v1"):
        (place / "model.safetensors").write_bytes(data)
        (place / "manifest.json").write_text(json.dumps(manifest))
    for command in (["publish", str(folder)], ["fetch", "colours/v1"], ["promote", "colours/v1"]):
        with pytest.raises(ConfigurationError, match="not a safetensors file"):
            run(*command)
    assert not (tmp_path / "exploded").exists()


class Explosive:
    """Unpickled, it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.mark,)


def test_a_version_whose_golden_images_score_otherwise_is_not_promoted_by_force_either(
    registry: Path, tmp_path: Path
) -> None:
    made = builders.version("v1")
    golden = tuple(
        each.model_copy(update={"scores": dict.fromkeys(builders.LABELS, 0.9)})
        for each in made.manifest.golden
    )
    folder = builders.written(tmp_path / "colours-v1", builders.edited(made, golden=golden))
    shutil.copytree(folder, registry / "colours" / "v1")
    result = run("promote", "colours/v1", "--force", "--reason", "x", "--json")
    assert result.exit_code == 1
    (row, _) = json.loads(result.stdout)["gate"]["rows"]
    assert (row["verdict"], "scores" in row["why"]) == ("broken", True)


def test_a_first_champion_is_shown_and_must_reach_floors_or_be_forced(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    del registry
    shuffled = builders.taught(Path(data[1]), shuffled=True)
    bad = publish(tmp_path, builders.version("v1", last=shuffled))
    found = told("promote", bad, *data)
    assert not found["promoted"]
    assert {"green: tag_recall, at least", "top_accuracy, at least"} <= refused(found)
    shown = {row["name"] for row in found["gate"]["rows"] if row["verdict"] == "shown"}
    assert {"green: precision_at_recall", "green: ece_label", "mixed_all_found"} <= shown
    last = run("promote", bad, *data).stdout.splitlines()[-1]
    assert last.startswith("refused by: ")
    assert "green: tag_recall, at least (candidate " in last
    assert "allowed 0.8)" in last
    assert told("promote", bad, *data, "--force", "--reason", "a drill")["promoted"]


def test_a_first_champion_that_carries_no_figures_is_refused_with_the_way_to_mend_it(
    registry: Path, tmp_path: Path
) -> None:
    del registry
    found = told("promote", publish(tmp_path, builders.version("v1")))
    assert refused(found) == {"figures"}
    assert "give --data DATA" in json.dumps(found)


def test_floors_that_are_given_hold_beside_a_champion_too(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    del registry
    good, blind = (
        publish(tmp_path, builders.version(number, thresholds=thresholds))
        for number, thresholds in (("v1", None), ("v2", {"blue": 0.5, "green": 0.5, "red": 0.99999}))
    )
    assert told("promote", good, *data, "--least-recall", "0.9", "--most-none-tagged", "0")["promoted"]
    found = told("promote", blind, *data, "--least-recall", "0.9", "--least-top", "0.9")
    assert "red: tag_recall, at least" in refused(found)
    assert "top_accuracy, at least" not in refused(found)


def test_a_challenger_is_held_against_the_champion_too_and_leaves_it_where_it_is(
    registry: Path, tmp_path: Path, data: list[str]
) -> None:
    del registry
    crown(tmp_path)
    second = publish(tmp_path, builders.version("v2"))
    assert told("promote", second, "--alias", "challenger", *data)["promoted"]
    shown = told("show", "colours@challenger")
    assert shown["ref"] == "colours/v2"
    assert shown["aliases"]["champion"]["version"] == "v1"
    bad = builders.version("v3", last=builders.taught(Path(data[1]), shuffled=True))
    assert not told("promote", publish(tmp_path, bad), "--alias", "challenger", *data)["promoted"]


def test_without_photographs_and_records_a_promotion_is_refused_with_the_way_to_mend_it(
    registry: Path, tmp_path: Path
) -> None:
    del registry
    crown(tmp_path)
    found = told("promote", publish(tmp_path, builders.version("v2")))
    assert refused(found) == {"figures"}
    assert "give --data DATA" in json.dumps(found)


def test_a_version_that_states_no_licence_is_published_under_one_and_its_folder_stays(
    registry: Path, tmp_path: Path
) -> None:
    silent = builders.version("v1")
    silent = replace(silent, card="# colours v1\n\n- Licence: not stated\n- Licence: not stated\n")
    folder = builders.written(tmp_path / "colours-v1", silent)
    before = contents.of_folder(folder)
    assert told("publish", str(folder), "--licence", "Apache-2.0")["is_new"]
    assert not told("publish", str(folder), "--licence", "Apache-2.0")["is_new"]
    assert contents.of_folder(folder) == before
    shown = told("show", "colours/v1")
    assert shown["manifest"]["licence"] == "Apache-2.0"
    assert "- Licence: Apache-2.0\n- Licence: not stated" in shown["card"]  # of what it came from, below
    assert contents.of_folder(registry / "colours" / "v1").manifest.licence == "Apache-2.0"


def test_a_version_that_states_another_licence_is_not_published_under_one(
    registry: Path, tmp_path: Path
) -> None:
    made = builders.edited(builders.version("v1"), licence="MIT")
    folder = builders.written(tmp_path / "colours-v1", made)
    with pytest.raises(ConfigurationError, match="states the licence MIT"):
        run("publish", str(folder), "--licence", "Apache-2.0")
    assert not (registry / "colours").exists()
    assert told("publish", str(folder), "--licence", "MIT")["is_new"]


def test_what_is_no_part_of_a_version_is_not_published_and_said(registry: Path, tmp_path: Path) -> None:
    folder = builders.written(tmp_path / "colours-v1", builders.version("v1"))
    (folder / "optimizer.pkl").write_bytes(b"")
    result = run("publish", str(folder))
    assert "left out optimizer.pkl" in result.stderr
    assert not (registry / "colours" / "v1" / "optimizer.pkl").exists()


def test_a_version_is_fetched_into_a_folder_of_one_s_own_once(registry: Path, tmp_path: Path) -> None:
    del registry
    made = builders.version("v1")
    publish(tmp_path, made)
    run("fetch", "colours/v1", "--output", str(tmp_path / "mine"))
    assert contents.of_folder(tmp_path / "mine") == contents.of_folder(tmp_path / "colours-v1")
    with pytest.raises(ConfigurationError, match="it is there already"):
        run("fetch", "colours/v1", "--output", str(tmp_path / "mine"))


def test_an_alias_is_not_promoted_and_no_registry_is_said(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del registry
    with pytest.raises(ConfigurationError, match="is an alias, which moves"):
        run("promote", "colours@challenger")
    monkeypatch.delenv("TAGSTREAM_REGISTRY__URL")
    with pytest.raises(ConfigurationError, match="no registry is named"):
        run("list")
    for url in ("http://models", "s3://user:hunter2@bucket/x", "s3://", ""):
        with pytest.raises(ConfigurationError) as raised:
            run("list", "--registry", url)
        assert "hunter2" not in str(raised.value)


def test_other_commands_take_an_alias_for_the_version_that_it_points_at(
    registry: Path, tmp_path: Path
) -> None:
    del registry
    crown(tmp_path)
    assert checkpoint.read_manifest(resolve("colours@champion")).version == "v1"
    with pytest.raises(ConfigurationError, match="no alias colours@challenger"):
        resolve("colours@challenger")


def _evaluated(folder: Path, options: list[str]) -> None:
    """As `tagstream model evaluate --record` does."""
    data = dataset.read(Path(options[1]), negatives=Path(options[3]))
    seen = predict.predict(Classifier.load(folder, device="cpu"), data.of(dataset.Split.TEST))
    digest = recording.data_digest(seen.photographs)
    recording.record(folder, "test", report=figures.report(seen), data=digest)
