"""Tolerances of the promotion gate: by how much a figure may fall, and what is only looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Of one figure, in shares: 0.01 is one point of a hundred."""

    least: float
    """A fall of no more than this is never refused: it would not be noticed."""
    hard: float
    """A fall of more than this is refused though it may be chance: the risk is too high."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """What the gate allows.

    A fall is refused when it is beyond `least` and either significant or beyond `hard`. On few photographs
    most falls are chance and `hard` decides; on many, a fall of little more than `least` is significant.
    `hard` is the wider the fewer photographs a figure is commonly taken over: of a label, or a slice, there
    are a tenth as many. A fall of fewer photographs than `fewest` is never refused.

    Many figures are looked at, and one of twenty equal ones falls "significantly" at 0.05: the significance
    holds for each group (tags, whole, main tags, slices) as a whole, divided by its figures (Bonferroni).
    What that loses in power on small groups, `hard` makes good.

    Photographs of one source are not independent, which the test takes them for: a fall on one source's
    photographs alone may be refused though other sources would not show it. Look at the slices then.
    """

    top_accuracy: Tolerance = Tolerance(least=0.005, hard=0.02)
    f1_samples: Tolerance = Tolerance(least=0.005, hard=0.02)
    mixed_all_found: Tolerance = Tolerance(least=0.02, hard=0.10)
    """Few photographs have several tags."""
    singles_with_extra: Tolerance = Tolerance(least=0.01, hard=0.03)
    """A rise; as the two below."""
    negatives_acted_on: Tolerance = Tolerance(least=0.02, hard=0.08)
    ece: Tolerance = Tolerance(least=0.01, hard=0.02)
    """Of all labels, and of each. There is no test for it: `hard` decides, with `ece_noise` beside."""
    ece_noise: float = 0.3
    """Divided by the root of the photographs: what ECE moves by from one sample to another."""
    label: Tolerance = Tolerance(least=0.01, hard=0.05)
    """Precision, recall and F1 of one label."""
    precision_at_recall: Tolerance = Tolerance(least=0.02, hard=0.15)
    """Its threshold is where the three hardest of a hundred photographs are: it moves by much."""
    slice: Tolerance = Tolerance(least=0.02, hard=0.08)
    """Top label and F1 of one source, brightness or size."""
    significance: float = 0.05
    """Of a group of figures, one-sided."""
    fewest: int = 2
    """Photographs by which a figure must have fallen: one of them decides nothing."""
    smallest_slice: int = 30
    """A slice of fewer photographs is not looked at."""
    slower: float = 1.25
    """Times the champion's, that an image may take."""
    slower_seconds: float = 0.001
    """By which it must be slower as well: decoding an image takes ten times as long."""
