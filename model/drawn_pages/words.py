"""Pseudo-words and prices: text that has the look of some language and means nothing."""

from __future__ import annotations

from random import Random
from typing import Final

SYLLABLES: Final = (
    *(consonant + vowel for consonant in "bcdflmnprst" for vowel in "aeiou"),
    *(vowel + consonant for vowel in "aeiou" for consonant in "nrl"),
)
LONGEST: Final = 4
"""Syllables of a word."""

PRICES: Final = ("{:.2f}", "${:.2f}", "{:.1f}0", "{:.0f}", "{:.0f}.-", "{:.0f}.000", "Rs {:.0f}0", "£{:.1f}")
"""Ways of writing a price; a menu keeps to one."""


def word(dice: Random) -> str:
    """One, in lower case."""
    return "".join(dice.choices(SYLLABLES, k=dice.randint(1, LONGEST)))


def words(dice: Random, least: int, most: int, *, is_title: bool = False) -> str:
    """From `least` to `most`, the first or, of a title, each with a capital."""
    found = [word(dice) for _ in range(dice.randint(least, most))]
    return " ".join(each.capitalize() if is_title or not place else each for place, each in enumerate(found))


def price(dice: Random, form: str) -> str:
    """One of a dish or a drink."""
    return form.format(dice.uniform(2, 40))
