"""The front door is quick: no help waits for a library that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.unit.cli_leaves import LEAVES

# pydantic is not among them: typer itself asks for it, and it is quick.
HEAVY = {
    "torch",
    "faust",
    "aioboto3",
    "aiokafka",
    "pydantic_settings",
    "PIL",
    "jinja2",
    "rich.markdown",
}

HELPS = (*LEAVES, *sorted({command[:1] for command in LEAVES if len(command) > 1} - {*LEAVES}), ())
"""The command line itself last: it imports every command, for their first lines."""

WALK = """
import contextlib, io, json, sys
class Watch:
    # Whose import statement it was: the nearest module of ours.
    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while frame and frame.f_globals["__name__"].partition(".")[0] not in ours:
            frame = frame.f_back
        asked.setdefault(name, frame.f_globals["__name__"] if frame else "the interpreter")

heavy, helps = map(json.loads, sys.argv[1:])
ours, asked, found = {"tagstream", "agents", "streams", "model", "schemas"}, {}, {}

def wrong():
    # What was imported before is another's fault: it is named once.
    for name in set(heavy) & set(sys.modules):
        heavy.remove(name)
        yield f"{name} is imported by {asked.get(name)}"

sys.meta_path.insert(0, Watch())
from tagstream import cli
from tagstream.dev import state
found["importing the command line"] = list(wrong())
for command in helps:
    sys.argv = ["tagstream", *command, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
    found[" ".join(sys.argv)] = [
        *([f"exits {code}"] if code else []),
        *([] if "Usage: tagstream" in told.getvalue() else ["shows no usage"]),
        *wrong(),
    ]
print(json.dumps(found))
"""
"""One process asks for every help, and says after each what is wrong with it."""


def test_no_help_imports_anything_heavy() -> None:
    walk = [sys.executable, "-c", WALK, json.dumps(sorted(HEAVY)), json.dumps(HELPS)]
    ran = subprocess.run(walk, capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert len(found) == len(HELPS) + 1
    assert {who: wrong for who, wrong in found.items() if wrong} == {}
