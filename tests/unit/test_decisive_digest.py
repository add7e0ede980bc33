"""The digest of what makes tags of a network's outputs."""

from __future__ import annotations

import hashlib
import json

from model.manifest import DECISIVE, Manifest, decisive_digest

MANIFEST = Manifest(
    name="m",
    version="v1",
    labels=("food", "menu"),
    architecture="tiny",
    thresholds={"food": 0.5, "menu": 0.4},
)


def test_what_moves_a_tag_changes_the_digest_and_a_name_does_not() -> None:
    before = decisive_digest(MANIFEST)
    moved = {"thresholds": {"food": 0.5, "menu": 0.41}, "refusal": 0.1, "temperature": 1.1}
    for field, value in moved.items():
        assert decisive_digest(MANIFEST.model_copy(update={field: value})) != before, field
    assert decisive_digest(MANIFEST.model_copy(update={"name": "n", "licence": "MIT"})) == before


def test_versions_of_before_there_was_a_refusal_keep_their_digests() -> None:
    fields = DECISIVE - {"refusal"}
    then = json.dumps(MANIFEST.model_dump(mode="json", include=fields), sort_keys=True)
    assert decisive_digest(MANIFEST) == hashlib.sha256(then.encode()).hexdigest()
