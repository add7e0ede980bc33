"""Homonyms: no two public classes of the product share a name, nor two module files of one package."""

from pathlib import Path
from typing import Final

import pytest

from tests.names import Named, homonyms, module_files, product_files, public_classes

SIBLINGS: Final = "`model` and `streams` are siblings that do not import each other; both mean the same"
FACES: Final = "the command, and what it shows"

CLASSES: Final = {"Clock": SIBLINGS, "SystemClock": SIBLINGS}
"""The names that several classes may have, and why."""

MODULES: Final = {
    "agents: __init__.py": "every package has one",
    "agents: settings.py": "of telemetry its own sections, of the wiring all of them",
    "console: __init__.py": "every package has one",
    "model: __init__.py": "every package has one",
    "schemas: __init__.py": "every package has one",
    "streams: __init__.py": "every package has one",
    "streams: errors.py": "each adapter's error mapping",
    "streams: settings.py": "each adapter's own section",
    "streams: store.py": "each adapter's score store",
    "tagstream: __init__.py": "every package has one",
    "tagstream: classify.py": FACES,
    "tagstream: erase.py": FACES,
    "tagstream: pipeline.py": FACES,
    "tagstream: prelabel.py": FACES,
    "tagstream: routes.py": FACES,
    "tagstream: statements.py": FACES,
    "tagstream: stress.py": FACES,
    "tagstream: topics.py": FACES,
    "tagstream: upload.py": FACES,
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
