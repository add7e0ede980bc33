"""JSON document of a demo run, for `--json`."""

from __future__ import annotations

from typing import Any

from tagstream.demo.accounting import Buried, Missing, Tagged
from tagstream.demo.result import Result


def document(result: Result) -> dict[str, Any]:
    """Every photograph, every topic, and the numbers of the run."""
    account = result.account
    return {
        "images": [_image(tagged) for tagged in account.tagged],
        "dead_letters": [_dead_letter(buried) for buried in account.buried],
        "missing": [_missing(missing) for missing in account.missing],
        "topics": {topic.name: topic.distinct for topic in account.topics},
        "kills": result.deliveries.kills,
        "redelivered": result.deliveries.redelivered,
        "seconds": dict(result.pace.stages),
        "photographs_per_second": round(result.throughput, 3),
    }


def _image(tagged: Tagged) -> dict[str, Any]:
    verdict = tagged.verdict
    return {
        "path": str(tagged.photo.path),
        "image_id": tagged.photo.image_id,
        "tags": [tag.model_dump() for tag in verdict.tags],
        "routes": list(tagged.topics),
        "model_version": verdict.model.version,
    }


def _dead_letter(buried: Buried) -> dict[str, Any]:
    photo = buried.photo
    return {"image_id": photo.image_id, "name": photo.name, "cause": buried.code, "message": buried.message}


def _missing(missing: Missing) -> dict[str, Any]:
    return {"image_id": missing.photo.image_id, "name": missing.photo.name, "why": missing.why}
