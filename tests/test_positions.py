"""Counting positions gives what sorting them does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stress.statistics.positions import distinct, ranked


@given(st.lists(st.integers(0, 40) | st.integers(0, 100_000), max_size=60))
def test_distinct_and_ranked_are_those_of_unique(positions):
    given_, (names, place) = np.array(positions, np.int64), ranked(np.array(positions, np.int64))
    expected, inverse = np.unique(given_, return_inverse=True)
    np.testing.assert_array_equal(names, expected)
    np.testing.assert_array_equal(place, inverse)
    assert names.dtype == place.dtype == np.int64
    assert distinct(given_) == len(expected)
