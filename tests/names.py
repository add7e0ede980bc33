"""Homonyms of the product, read from its syntax trees: `python -m tests.names [--json]`.

One word should have one meaning. Two public classes of one name make a reader ask which is meant, and so
do two module files of one name in one package. tests/unit/test_names.py holds the lists that are allowed.
"""

import argparse
import ast
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRODUCT = ("schemas", "model", "streams", "agents", "operations", "console", "tagstream")
"""The product's packages; one that does not exist yet has no names."""


@dataclass(frozen=True, slots=True, order=True)
class Named:
    """One thing that has a name: where it stands, and what its docstring says first."""

    name: str
    file: str
    says: str


@dataclass(frozen=True, slots=True)
class Homonym:
    """A name that several things share."""

    name: str
    bearers: tuple[Named, ...]

    @property
    def files(self) -> list[str]:
        """Where the name is used, in order; a file stands twice if it uses the name twice."""
        return [bearer.file for bearer in self.bearers]


def product_files(root: Path = ROOT) -> list[Path]:
    """Every module file of the product, in order."""
    return sorted(file for package in PRODUCT for file in (root / package).rglob("*.py"))


def public_classes(files: Iterable[Path], root: Path = ROOT) -> Iterator[Named]:
    """The public classes at the top of each file."""
    for file in files:
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield Named(node.name, str(file.relative_to(root)), _first_line(node))


def module_files(files: Iterable[Path], root: Path = ROOT) -> Iterator[Named]:
    """Each module file under its package and its own name, such as `model: run.py`."""
    for file in files:
        place = file.relative_to(root)
        yield Named(f"{place.parts[0]}: {place.name}", str(place), _first_line(ast.parse(file.read_text())))


def homonyms(things: Iterable[Named]) -> list[Homonym]:
    """The names that more than one thing has, the most shared first."""
    named = [
        Homonym(name, tuple(bearers)) for name, bearers in groupby(sorted(things), key=lambda it: it.name)
    ]
    return sorted((it for it in named if len(it.bearers) > 1), key=lambda it: (-len(it.bearers), it.name))


def _first_line(node: ast.Module | ast.ClassDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def _table(title: str, found: list[Homonym]) -> str:
    lines = [f"{title}: {len(found)}"]
    for homonym in found:
        lines.append(f"{homonym.name}  x{len(homonym.bearers)}")
        lines.extend(f"    {bearer.file:<45} {bearer.says}" for bearer in homonym.bearers)
    return "\n".join(lines)


def main() -> None:
    """Print the product's homonyms, as a table or as JSON."""
    parser = argparse.ArgumentParser(description="Names that several public classes or modules share.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    asked = parser.parse_args()
    files = product_files()
    found = {
        "public classes": homonyms(public_classes(files)),
        "module files of one package": homonyms(module_files(files)),
    }
    if asked.json:
        print(json.dumps({what: [asdict(it) for it in found[what]] for what in found}, indent=2))
    else:
        print("\n\n".join(_table(what, found[what]) for what in found))


if __name__ == "__main__":
    main()
