"""What the DSA transparency database asks of a statement, by its documentation (API version 2, July 2025).

Written from https://transparency.dsa.ec.europa.eu/page/api-documentation, and not from `schemas.statements`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

REQUIRED: Final = (
    "puid",
    "decision_visibility",
    "decision_ground",
    "category",
    "content_type",
    "content_date",
    "territorial_scope",
    "application_date",
    "decision_facts",
    "source_type",
    "automated_detection",
    "automated_decision",
)
LENGTHS: Final = {
    "puid": 500,
    "decision_visibility_other": 500,
    "illegal_content_legal_ground": 500,
    "illegal_content_explanation": 2000,
    "incompatible_content_ground": 500,
    "incompatible_content_explanation": 2000,
    "decision_facts": 5000,
}
VISIBILITIES: Final = {
    "DECISION_VISIBILITY_CONTENT_REMOVED",
    "DECISION_VISIBILITY_CONTENT_DISABLED",
    "DECISION_VISIBILITY_CONTENT_DEMOTED",
    "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED",
    "DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED",
    "DECISION_VISIBILITY_CONTENT_LABELLED",
    "DECISION_VISIBILITY_OTHER",
}
GROUNDS: Final = {
    "DECISION_GROUND_ILLEGAL_CONTENT": ("illegal_content_legal_ground", "illegal_content_explanation"),
    "DECISION_GROUND_INCOMPATIBLE_CONTENT": (
        "incompatible_content_ground",
        "incompatible_content_explanation",
    ),
}
CATEGORIES: Final = {
    f"STATEMENT_CATEGORY_{name}"
    for name in (
        "ANIMAL_WELFARE",
        "CONSUMER_INFORMATION",
        "CYBER_VIOLENCE",
        "CYBER_VIOLENCE_AGAINST_WOMEN",
        "DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
        "ILLEGAL_OR_HARMFUL_SPEECH",
        "INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        "NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
        "NOT_SPECIFIED_NOTICE",
        "OTHER_VIOLATION_TC",
        "PROTECTION_OF_MINORS",
        "RISK_FOR_PUBLIC_SECURITY",
        "SCAMS_AND_FRAUD",
        "SELF_HARM",
        "UNSAFE_AND_PROHIBITED_PRODUCTS",
        "VIOLENCE",
    )
}
CHOICES: Final = {
    "source_type": {
        "SOURCE_ARTICLE_16",
        "SOURCE_TRUSTED_FLAGGER",
        "SOURCE_TYPE_OTHER_NOTIFICATION",
        "SOURCE_VOLUNTARY",
    },
    "automated_detection": {"Yes", "No"},
    "automated_decision": {
        "AUTOMATED_DECISION_FULLY",
        "AUTOMATED_DECISION_PARTIALLY",
        "AUTOMATED_DECISION_NOT_AUTOMATED",
    },
    "category": CATEGORIES,
    "decision_ground": set(GROUNDS),
}
COUNTRIES: Final = {
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
    *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
}
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


def complaints(said: Mapping[str, Any]) -> list[str]:
    """What the database would refuse; nothing where it would answer 201."""
    return list(_complaints(said))


def _complaints(said: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: required" for name in REQUIRED if not said.get(name))
    for name, length in LENGTHS.items():
        if len(said.get(name) or "") > length:
            yield f"{name}: longer than {length}"
    for name, words in CHOICES.items():
        if said.get(name) not in words:
            yield f"{name}: {said.get(name)!r} is no choice"
    if not set(said["decision_visibility"]) <= VISIBILITIES:
        yield "decision_visibility: no choice"
    if "DECISION_VISIBILITY_OTHER" in said["decision_visibility"] and not said.get(
        "decision_visibility_other"
    ):
        yield "decision_visibility_other: required"
    yield from (f"{name}: required" for name in GROUNDS[said["decision_ground"]] if not said.get(name))
    if said["content_type"] != ["CONTENT_TYPE_IMAGE"]:
        yield "content_type"
    if not set(said["territorial_scope"]) <= COUNTRIES:
        yield "territorial_scope"
    if not re.fullmatch("[A-Za-z0-9_-]+", said["puid"]):
        yield "puid: other characters"
    yield from _dates(said)


def _dates(said: Mapping[str, Any]) -> Iterator[str]:
    for name, first in (("content_date", "2000-01-01"), ("application_date", "2020-01-01")):
        if not _DAY.fullmatch(said[name]) or date.fromisoformat(said[name]) < date.fromisoformat(first):
            yield f"{name}: {said[name]}"
    ended = said.get("end_date_visibility_restriction")
    if ended and (not _DAY.fullmatch(ended) or ended < said["application_date"]):
        yield f"end_date_visibility_restriction: {ended}"
