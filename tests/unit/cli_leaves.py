"""The names of the commands that do something, for whoever walks all of them."""

from __future__ import annotations

from tagstream import cli

LEAVES = (
    *(
        (name,)
        for name in cli.COMMANDS
        if name
        not in {
            *("batch", "config", "data", "dlq", "keys", "model", "replay", "routes", "statements", "store"),
            "topics",
        }
    ),
    ("batch", "submit"),
    ("batch", "status"),
    ("batch", "list"),
    ("batch", "errors"),
    ("batch", "cancel"),
    ("batch", "resume"),
    ("config", "show"),
    ("data", "import"),
    ("data", "show"),
    ("data", "prelabel"),
    ("dlq", "list"),
    ("dlq", "show"),
    ("dlq", "redrive"),
    ("keys", "create"),
    ("keys", "list"),
    ("keys", "revoke"),
    ("model", "train"),
    ("model", "evaluate"),
    ("model", "compare"),
    ("model", "compare-backbones"),
    ("model", "calibrate"),
    ("model", "average"),
    ("model", "pipeline"),
    ("model", "publish"),
    ("model", "list"),
    ("model", "show"),
    ("model", "promote"),
    ("model", "rollback"),
    ("model", "fetch"),
    ("replay", "plan"),
    ("replay", "start"),
    ("replay", "status"),
    ("replay", "list"),
    ("replay", "pause"),
    ("replay", "resume"),
    ("replay", "cancel"),
    ("replay", "rate"),
    ("replay", "run"),
    ("routes", "check"),
    ("routes", "show"),
    ("statements", "export"),
    ("statements", "show"),
    ("store", "apply"),
    ("store", "show"),
    ("topics", "apply"),
    ("topics", "list"),
)
"""Every command that does something."""
