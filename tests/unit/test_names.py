"""Homonyms: no two public classes of the product share a name, nor two module files of one package."""

from pathlib import Path
from typing import Final

import pytest

from tests.names import Named, homonyms, module_files, product_files, public_classes

TO_BE_RENAMED: Final = "two meanings of one word, until one of them has another name"

CLASSES: Final = {
    "Account": TO_BE_RENAMED,
    "Asked": TO_BE_RENAMED,
    "Bar": TO_BE_RENAMED,
    "Batch": TO_BE_RENAMED,
    "Buried": TO_BE_RENAMED,
    "Cause": TO_BE_RENAMED,
    "Choice": TO_BE_RENAMED,
    "Clock": TO_BE_RENAMED,
    "Decision": TO_BE_RENAMED,
    "Decoding": TO_BE_RENAMED,
    "Done": TO_BE_RENAMED,
    "Dot": TO_BE_RENAMED,
    "Evidence": TO_BE_RENAMED,
    "Finding": TO_BE_RENAMED,
    "Group": TO_BE_RENAMED,
    "KafkaSettings": TO_BE_RENAMED,
    "Kind": TO_BE_RENAMED,
    "Labelled": TO_BE_RENAMED,
    "Move": TO_BE_RENAMED,
    "Order": TO_BE_RENAMED,
    "Outcome": TO_BE_RENAMED,
    "Pace": TO_BE_RENAMED,
    "Part": TO_BE_RENAMED,
    "Preprocess": TO_BE_RENAMED,
    "Promotion": TO_BE_RENAMED,
    "Publisher": TO_BE_RENAMED,
    "Recipe": TO_BE_RENAMED,
    "Refused": TO_BE_RENAMED,
    "Report": TO_BE_RENAMED,
    "Request": TO_BE_RENAMED,
    "Row": TO_BE_RENAMED,
    "Run": TO_BE_RENAMED,
    "S3Settings": TO_BE_RENAMED,
    "Screen": TO_BE_RENAMED,
    "Section": TO_BE_RENAMED,
    "Selection": TO_BE_RENAMED,
    "Settings": TO_BE_RENAMED,
    "Shown": TO_BE_RENAMED,
    "Stage": TO_BE_RENAMED,
    "Standing": TO_BE_RENAMED,
    "State": TO_BE_RENAMED,
    "Step": TO_BE_RENAMED,
    "Stored": TO_BE_RENAMED,
    "SystemClock": TO_BE_RENAMED,
    "Tagged": TO_BE_RENAMED,
    "Trial": TO_BE_RENAMED,
    "Value": TO_BE_RENAMED,
    "Verdict": TO_BE_RENAMED,
    "Wanted": TO_BE_RENAMED,
}
"""The names that several classes may have, and why."""

MODULES: Final = {
    "agents: __init__.py": "every package has one",
    "agents: settings.py": "of telemetry its own sections, of the wiring all of them",
    "model: __init__.py": "every package has one",
    "model: comparison.py": TO_BE_RENAMED,
    "model: judged.py": TO_BE_RENAMED,
    "model: order.py": TO_BE_RENAMED,
    "model: pictures.py": TO_BE_RENAMED,
    "model: progress.py": TO_BE_RENAMED,
    "model: publishing.py": TO_BE_RENAMED,
    "model: run.py": TO_BE_RENAMED,
    "model: sources.py": TO_BE_RENAMED,
    "model: speed.py": TO_BE_RENAMED,
    "model: thumbnails.py": TO_BE_RENAMED,
    "streams: __init__.py": "every package has one",
    "streams: settings.py": "each adapter's own section",
    "tagstream: __init__.py": "every package has one",
    "tagstream: __main__.py": "what `python -m` starts",
    "tagstream: figures.py": TO_BE_RENAMED,
    "tagstream: pages.py": TO_BE_RENAMED,
    "tagstream: photographs.py": TO_BE_RENAMED,
    "tagstream: progress.py": TO_BE_RENAMED,
    "tagstream: run.py": TO_BE_RENAMED,
    "tagstream: show.py": TO_BE_RENAMED,
}
"""The names that several module files of one package may have, and why."""


def shared_classes() -> dict[str, list[str]]:
    return {each.name: each.files for each in homonyms(public_classes(product_files()))}


def shared_modules() -> dict[str, list[str]]:
    return {each.name: each.files for each in homonyms(module_files(product_files()))}


def test_no_two_public_classes_share_a_name_but_those_that_may() -> None:
    found = shared_classes()
    assert {name: found[name] for name in found.keys() - CLASSES.keys()} == {}


def test_no_two_module_files_of_a_package_share_a_name_but_those_that_may() -> None:
    found = shared_modules()
    assert {name: found[name] for name in found.keys() - MODULES.keys()} == {}


def test_every_name_that_classes_may_share_is_shared() -> None:
    assert sorted(CLASSES.keys() - shared_classes().keys()) == []


def test_every_name_that_module_files_may_share_is_shared() -> None:
    assert sorted(MODULES.keys() - shared_modules().keys()) == []


def written(root: Path, **modules: str) -> list[Path]:
    """Module files of `root`, each with this text; `_` in their names stands for a folder's slash."""
    files = [root / f"{name.replace('_', '/')}.py" for name in modules]
    for file, text in zip(files, modules.values(), strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return files


def test_classes_of_one_name_are_found_with_what_they_say_of_themselves(tmp_path: Path) -> None:
    files = written(tmp_path, model_a='class Order:\n    """Of a meal."""', agents_b="class Order: ...")
    (found,) = homonyms(public_classes(files, tmp_path))
    assert found.bearers == (Named("Order", "agents/b.py", ""), Named("Order", "model/a.py", "Of a meal."))


@pytest.mark.parametrize("text", ["class _Order: ...", "def make():\n    class Order: ..."])
def test_what_is_private_or_within_something_shares_no_name(tmp_path: Path, text: str) -> None:
    assert homonyms(public_classes(written(tmp_path, model_a=text, agents_b=text), tmp_path)) == []


def test_module_files_of_one_package_are_held_against_each_other_alone(tmp_path: Path) -> None:
    files = written(tmp_path, model_run="", model_training_run="", agents_run="")
    (found,) = homonyms(module_files(files, tmp_path))
    assert (found.name, found.files) == ("model: run.py", ["model/run.py", "model/training/run.py"])
