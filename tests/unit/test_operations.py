"""Operations know no terminal: none of them prints, or touches the standard streams."""

import ast
from pathlib import Path
from typing import Final

import pytest

OPERATIONS: Final = sorted((Path(__file__).parents[2] / "operations").glob("*.py"))
TERMINAL = {"print", "input", "sys.stdout", "sys.stderr", "sys.stdin"}


@pytest.mark.parametrize("file", OPERATIONS, ids=lambda file: file.stem)
def test_an_operation_writes_to_no_terminal(file: Path) -> None:
    names = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name | ast.Attribute)
    }
    assert not names & TERMINAL
