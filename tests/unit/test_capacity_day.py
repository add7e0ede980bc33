"""The day of uploads: as many as asked, with the peak that was asked for, and never a negative hour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.capacity_day import DAY, HOUR, hours, most_peak, natural_peak


@given(a_day=st.floats(1, 1e9), peak=st.floats(1, 23.9))
def test_the_hours_sum_up_to_the_day_and_the_busiest_has_the_peak(a_day: float, peak: float) -> None:
    found = hours(a_day, peak)
    assert sum(found) * HOUR == pytest.approx(a_day)
    assert max(found) == pytest.approx(peak * a_day / DAY, rel=1e-6)
    assert min(found) >= 0


def test_without_a_peak_the_day_has_that_of_restaurants() -> None:
    assert max(hours(DAY)) == pytest.approx(natural_peak())


@pytest.mark.parametrize("peak", [0.9, 24.5])
def test_a_peak_that_no_day_has_is_refused(peak: float) -> None:
    with pytest.raises(ValueError, match=f"{most_peak():.1f}"):
        hours(1000.0, peak)
