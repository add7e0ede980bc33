"""Decision policy: from scores to tags and routes. Pure; no torch, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from model.manifest import Manifest, Task
from schemas.errors import ConfigurationError
from schemas.tags import REFUSES, UNCERTAIN, Route, RouteRule, Scores, Tag, Verdict
from schemas.topics import AMBIANCE, MODERATION

DEFAULT_ROUTES: Final = (
    RouteRule(label="menu", topic=MODERATION, hysteresis=0.1),
    RouteRule(label="human", topic=MODERATION, hysteresis=0.1),
    RouteRule(label=UNCERTAIN, topic=MODERATION),
    RouteRule(label="ambiance", topic=AMBIANCE, hysteresis=0.1),
)
"""Of the restaurant labels. Hysteresis: a re-score by a sibling model moves nothing back and forth."""


def fitting(rules: Iterable[RouteRule], thresholds: Mapping[str, float]) -> tuple[RouteRule, ...]:
    """`rules` with no hysteresis of more than half of the threshold that it lies below.

    A route is taken back below its threshold less its hysteresis: at 0.05 less 0.1 that would be never.
    """
    return tuple(_fitted(rule, rule.threshold or thresholds.get(rule.label, 1.0)) for rule in rules)


def _fitted(rule: RouteRule, threshold: float) -> RouteRule:
    return rule.model_copy(update={"hysteresis": min(rule.hysteresis, threshold / 2)})


def needed(
    probabilities: Mapping[str, float], *, thresholds: Mapping[str, float], refusal: float = 0.0
) -> dict[str, float]:
    """What each label's probability must be at least for its tag, on the image that has `probabilities`.

    Its threshold; where no label of the image reaches `refusal`, that too.
    """
    least = refusal if max(probabilities.values()) < refusal else 0.0
    return {label: max(thresholds[label], least) for label in probabilities}


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules. Raises `ConfigurationError` for a rule that cannot be meant."""

    thresholds: Mapping[str, float]
    rules: tuple[RouteRule, ...] = DEFAULT_ROUTES
    task: Task = "multi_label"
    refusal: float = 0.0
    """An image on which no label reaches this gets no tag."""

    def __post_init__(self) -> None:
        foreign = {rule.label for rule in self.rules} - set(self.thresholds) - {UNCERTAIN}
        if foreign:
            raise ConfigurationError(f"routes name labels that the model has not: {sorted(foreign)}")
        for rule in self.rules:
            if rule.hysteresis and rule.hysteresis >= self._threshold(rule):
                raise ConfigurationError(
                    f"the route of {rule.label} to {rule.topic} would never be taken back"
                )

    def _threshold(self, rule: RouteRule) -> float:
        if rule.threshold is not None:
            return rule.threshold
        return self.thresholds.get(rule.label, 1.0)

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """The rules that a version brings."""
        return cls(dict(manifest.thresholds), manifest.routes, manifest.task, refusal=manifest.refusal)

    def decide(self, scores: Scores, previous: Verdict | None = None) -> Verdict:
        """The verdict on `scores`; `previous`, the last announced one, holds routes in place (hysteresis).

        A label holds from its threshold on, on an image that is not refused; of labels that exclude each
        other (`single_label`) the highest alone may. An image of which no label holds is `uncertain`.
        """
        tags = self._tags(scores)
        held = {(route.label, route.topic) for route in previous.routes} if previous else set()
        routes = (self._route(rule, tags=tags, held=(rule.label, rule.topic) in held) for rule in self.rules)
        return Verdict(tags=tags, routes=tuple(filter(None, routes)), model=scores.model)

    def correct(self, judged: Verdict, labels: tuple[str, ...]) -> Verdict:
        """`judged` with a person's `labels` in place of the model's tags, and the routes that follow.

        Probabilities stay the model's; a label that the model has not is taken as it is.
        """
        true = frozenset(labels)
        foreign = true - {tag.label for tag in judged.tags}
        corrections = ({"tagged": tag.label in true, "source": "person"} for tag in judged.tags)
        tags = [tag.model_copy(update=each) for tag, each in zip(judged.tags, corrections, strict=True)]
        tags += [
            Tag(label=label, probability=0.0, threshold=1.0, tagged=True, source="person")
            for label in sorted(foreign)
        ]
        tags.sort(key=lambda tag: not tag.tagged)
        routes = (self._corrected(rule, tags) for rule in self.rules if rule.label in true)
        return judged.model_copy(update={"tags": tuple(tags), "routes": tuple(routes)})

    @staticmethod
    def _corrected(rule: RouteRule, tags: list[Tag]) -> Route:
        tag = next(tag for tag in tags if tag.label == rule.label)
        return _to(rule, tag=tag, threshold=tag.threshold, why=f"a person says {tag.label}")

    def _tags(self, scores: Scores) -> tuple[Tag, ...]:
        least = needed(scores.probabilities, thresholds=self.thresholds, refusal=self.refusal)
        tags = [
            _tag(label, probability=p, threshold=least[label]) for label, p in scores.probabilities.items()
        ]
        highest, *others = sorted(tags, key=lambda tag: -tag.probability)
        if self.task == "single_label":
            others = [tag.model_copy(update={"tagged": False}) for tag in others]
        return (highest, *others)

    def _route(self, rule: RouteRule, *, tags: tuple[Tag, ...], held: bool) -> Route | None:
        if rule.label == UNCERTAIN:
            return _uncertain(rule, tags=tags, refusal=self.refusal)
        tag = next(tag for tag in tags if tag.label == rule.label)
        return _flagged(rule, tag=tag, held=held)


def _tag(label: str, *, probability: float, threshold: float) -> Tag:
    return Tag(label=label, probability=probability, threshold=threshold, tagged=probability >= threshold)


def _flagged(rule: RouteRule, *, tag: Tag, held: bool) -> Route | None:
    threshold = tag.threshold if rule.threshold is None else rule.threshold
    if tag.tagged if rule.threshold is None else tag.probability >= threshold:
        return _to(rule, tag=tag, threshold=threshold, why=f"{tag.label} at or above {threshold:g}")
    if held and tag.probability >= threshold - rule.hysteresis:
        why = f"{tag.label} was announced and is not yet below {threshold - rule.hysteresis:g}"
        return _to(rule, tag=tag, threshold=threshold, why=why)
    return None


def _uncertain(rule: RouteRule, *, tags: tuple[Tag, ...], refusal: float) -> Route | None:
    if any(tag.tagged for tag in tags):
        return None
    highest = tags[0]
    is_refused = highest.probability < refusal
    least = f"{refusal:g}, {REFUSES}" if is_refused else "its threshold"
    why = f"no label reached {least}; the nearest is {highest.label}"
    return _to(rule, tag=highest, threshold=highest.threshold, why=why)


def _to(rule: RouteRule, *, tag: Tag, threshold: float, why: str) -> Route:
    return Route(
        topic=rule.topic, label=rule.label, probability=tag.probability, threshold=threshold, rule=why
    )
