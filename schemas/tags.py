"""Tags: a model's scores, the verdict that follows from them, and the routes that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

UNCERTAIN: Final = "uncertain"
"""The route of an image of which no label is sure: a person looks at it, nothing is guessed."""


REFUSES: Final = "below which this model refuses a picture"
"""In the rule of such a route, where no label of the picture reached the model's refusal."""


class Value(BaseModel):
    """A frozen value; fields that a later version adds are ignored by an earlier one."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class ModelRef(Value):
    """The model that made a score: no score travels without it."""

    name: str
    version: str
    digest: str
    """sha256 of the weights, hexadecimal."""


class Scores(Value):
    """One image's probability for every label, calibrated, each in [0, 1]."""

    probabilities: Mapping[str, Probability]
    model: ModelRef
    computed_by: str | None = None
    """The library, its precision and the device, as in `openvino 2026.4.1 f32 cpu`; None where an earlier
    program scored."""
    rendition: str | None = None
    """The recipe of the rendition that a replay scored in place of the photograph, as in `jpeg-320-q90-r1`:
    the probabilities may differ a little for it. None where the photograph itself was scored."""

    @property
    def top(self) -> str:
        """The label with the highest probability; of equals, the first in the model's order."""
        return max(self.probabilities, key=self.probabilities.__getitem__)


class Tag(Value):
    """One label's probability beside the threshold it was held against."""

    label: str
    probability: float
    threshold: float
    tagged: bool
    source: Literal["model", "person"] = "model"
    """Who says so: a person's correction outranks the probability."""


class Route(Value):
    """One place an image goes, and why."""

    topic: str
    label: str
    """The label that sent it there, or `uncertain`."""
    probability: float
    threshold: float
    rule: str
    """The rule that fired, in words, for `why` and for the moderator."""


class Verdict(Value):
    """All tags of one image, highest probability first, and where it goes."""

    tags: tuple[Tag, ...]
    routes: tuple[Route, ...]
    model: ModelRef

    @property
    def tagged(self) -> tuple[str, ...]:
        """The labels that hold."""
        return tuple(tag.label for tag in self.tags if tag.tagged)

    def leads_to(self, topic: str) -> bool:
        """Whether one of the routes does."""
        return any(route.topic == topic for route in self.routes)


class RouteRule(Value):
    """One line of the routes file: data, not code. A new collection is one more line."""

    label: str
    """A label of the model, or `uncertain`."""
    topic: str
    threshold: float | None = None
    """Probability from which the route holds; the label's tag threshold where absent."""
    hysteresis: float = 0.0
    """A route once announced is withdrawn only below `threshold - hysteresis`."""
