"""Statements of reasons (DSA Art. 17): the document that says why a photograph is hidden, and since when.

The fields from `puid` on are those of the DSA transparency database, with its names, its enumerations and its
limits, as of version 2 of its API (1 July 2025); docs/topics/statements.md names the source. Those before
it are ours.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field

from schemas.decisions import Decided
from schemas.tags import ModelRef, Value
from schemas.uploads import Moment

GROUND_LENGTH: Final = 500
EXPLANATION_LENGTH: Final = 2000
FACTS_LENGTH: Final = 5000
"""Characters that the database takes, at most."""

_FREE_TEXTS: Final = (
    "decision_facts",
    "illegal_content_legal_ground",
    "illegal_content_explanation",
    "incompatible_content_ground",
    "incompatible_content_explanation",
)
"""Texts of the operator's template, which may name the restaurant."""
_ERASED: Final = "(erased)"

EU: Final = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
    *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
)
EEA: Final = (*EU, "IS", "LI", "NO")
"""The countries that a restriction may hold in, as the database spells them."""


class StatementKind(StrEnum):
    """What became of the photograph, or what a person decided on it."""

    HIDE = "hide"
    """The model's threshold hid it."""
    RESTORE = "restore"
    """It was hidden, and is visible again."""
    DECISION = "decision"
    """A moderator decided on it."""


class DecisionVisibility(StrEnum):
    """Which restriction of visibility; of the database's list, the two that Tagstream knows."""

    DISABLED = "DECISION_VISIBILITY_CONTENT_DISABLED"
    OTHER = "DECISION_VISIBILITY_OTHER"


class DecisionGround(StrEnum):
    """Against what the content is: the law, or the terms and conditions."""

    ILLEGAL = "DECISION_GROUND_ILLEGAL_CONTENT"
    INCOMPATIBLE = "DECISION_GROUND_INCOMPATIBLE_CONTENT"


class ContentType(StrEnum):
    """What the content is; of the database's list, the one that Tagstream knows."""

    IMAGE = "CONTENT_TYPE_IMAGE"


class StatementCategory(StrEnum):
    """The database's categories."""

    ANIMAL_WELFARE = "STATEMENT_CATEGORY_ANIMAL_WELFARE"
    CONSUMER_INFORMATION = "STATEMENT_CATEGORY_CONSUMER_INFORMATION"
    CYBER_VIOLENCE = "STATEMENT_CATEGORY_CYBER_VIOLENCE"
    CYBER_VIOLENCE_AGAINST_WOMEN = "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN"
    DATA_PROTECTION = "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS"
    SPEECH = "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH"
    INTELLECTUAL_PROPERTY = "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS"
    CIVIC_DISCOURSE = "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS"
    NOT_SPECIFIED_NOTICE = "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE"
    OTHER_VIOLATION_TC = "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"
    PROTECTION_OF_MINORS = "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
    PUBLIC_SECURITY = "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
    SCAMS_AND_FRAUD = "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
    SELF_HARM = "STATEMENT_CATEGORY_SELF_HARM"
    UNSAFE_PRODUCTS = "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS"
    VIOLENCE = "STATEMENT_CATEGORY_VIOLENCE"


class SourceType(StrEnum):
    """How it came to be looked at; of the database's list, the one that Tagstream knows."""

    VOLUNTARY = "SOURCE_VOLUNTARY"


class AutomatedDetection(StrEnum):
    """Whether automated means found the content."""

    YES = "Yes"
    NO = "No"


class AutomatedDecision(StrEnum):
    """How far automated means decided."""

    FULLY = "AUTOMATED_DECISION_FULLY"
    """A threshold alone."""
    PARTIALLY = "AUTOMATED_DECISION_PARTIALLY"
    """A person, on a photograph that was scored."""
    NOT_AUTOMATED = "AUTOMATED_DECISION_NOT_AUTOMATED"
    """A person, on one that never was."""


Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Language = Annotated[str, Field(pattern="^[A-Z]{2}$")]
"""ISO 639-1, in capitals."""


class StatementOfReasons(Value):
    """Why a photograph was hidden or restored, or what a moderator decided on it; never changed."""

    schema_version: int = 1
    type: Literal["StatementOfReasons"] = "StatementOfReasons"
    event_id: str
    """The same however often it is published: deduplicate by it. It is the `puid` too."""
    image_id: str
    revision: int
    """The revision of the image that it is about."""
    kind: StatementKind
    action: Decided | None = None
    """What the moderator decided; of a `decision` alone."""
    occurred_at: Moment
    """When it came to hold."""
    restaurant_id: str | None = None
    content_digest: str | None = None
    """sha256 of the bytes that it is about."""
    model: ModelRef | None = None
    """What made the scores; absent where the image was never scored."""

    puid: str = Field(pattern="^[A-Za-z0-9_-]{1,500}$")
    decision_visibility: tuple[DecisionVisibility, ...] = Field(min_length=1)
    """`..._CONTENT_DISABLED` where the photograph is hidden from now on, else `..._OTHER`."""
    decision_visibility_other: str | None = Field(None, max_length=GROUND_LENGTH)
    """That nothing is restricted any more."""
    end_date_visibility_restriction: date | None = None
    """The day on which the restriction ended, where this statement ends one."""
    decision_ground: DecisionGround
    decision_ground_reference_url: str | None = Field(None, max_length=GROUND_LENGTH)
    illegal_content_legal_ground: str | None = Field(None, max_length=GROUND_LENGTH)
    illegal_content_explanation: str | None = Field(None, max_length=EXPLANATION_LENGTH)
    incompatible_content_ground: str | None = Field(None, max_length=GROUND_LENGTH)
    incompatible_content_explanation: str | None = Field(None, max_length=EXPLANATION_LENGTH)
    category: StatementCategory
    content_type: tuple[ContentType, ...] = (ContentType.IMAGE,)
    content_language: Language | None = None
    content_date: date
    """The day of the upload."""
    territorial_scope: tuple[Country, ...] = Field(min_length=1)
    application_date: date
    """The day from which it holds."""
    decision_facts: str = Field(min_length=1, max_length=FACTS_LENGTH)
    source_type: SourceType
    automated_detection: AutomatedDetection
    automated_decision: AutomatedDecision

    def without_names(self) -> Self:
        """As it is kept of a photograph that was erased: it names neither the restaurant nor the bytes."""
        named = self.restaurant_id
        texts = {name: getattr(self, name) for name in _FREE_TEXTS} if named else {}
        bared = {name: text.replace(named or "", _ERASED) for name, text in texts.items() if text}
        return self.model_copy(update={"restaurant_id": None, "content_digest": None, **bared})

    @property
    def restricts(self) -> bool:
        """Whether the photograph is hidden from now on: such statements are for the database."""
        return DecisionVisibility.DISABLED in self.decision_visibility

    @property
    def place(self) -> str:
        """Where it stands in the order of all statements: by time, those of one moment by their ids."""
        return f"{place_of(self.occurred_at)} {self.puid}"


OFFICIAL: Final = tuple(StatementOfReasons.model_fields)[
    list(StatementOfReasons.model_fields).index("puid") :
]
"""The fields of the DSA transparency database."""


def place_of(moment: datetime) -> str:
    """The place ahead of all statements of `moment`, and behind all earlier ones."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
