"""Names that a label may have."""

from __future__ import annotations

import pytest

from model.data import labels
from schemas.errors import ConfigurationError


@pytest.mark.parametrize("name", ["food", "Crème brûlée", "日本", "a" * 64, "t-shirt & jeans (men)"])
def test_ordinary_names_are_taken(name: str) -> None:
    assert labels.checked(f"  {name} ", where="here") == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("uncertain", "is reserved"),
        ("men/shoes", "a slash"),
        ("men\\shoes", "a backslash"),
        ("food;menu", "a semicolon"),
        (".hidden", "begins with a dot"),
        ("a" * 65, "has 65 characters"),
        ("fo\x00od", "a control character"),
        ("fo\nod", "a control character"),
    ],
)
def test_names_that_cannot_be_are_refused_with_their_place(name: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"labels\.csv, line 3: .*{why}.*rename it"):
        labels.checked(name, where="labels.csv, line 3")


def test_a_cell_holds_several_each_once() -> None:
    assert labels.split_cell("menu; food;;menu", where="here") == ("menu", "food")
    assert labels.split_cell("", where="here") == ()
