"""The units of a run: each is named once, in order, and what is done is left out."""

import pytest

from stress.engine._units import Unit, Units


@pytest.mark.parametrize(
    ("shards", "draws"), [(3, [1] * 4), (2, [1, 5, 5]), (1, [1]), (5, [1, 2]), (2, [1, 3, 0, 1, 0, 3]), (2, [1, 0])]
)
def test_every_cell_on_every_shard_and_each_of_its_draws(shards, draws):
    expected = [
        Unit(shard, cell, draw) for shard in range(shards) for cell, count in enumerate(draws) for draw in range(count)
    ]
    units = Units(shards, draws)
    assert len(units) == len(expected)
    assert list(units) == expected
    assert [units[i] for i in range(len(units))] == expected
    assert units[-1] == expected[-1]
    assert list(units[1::2]) == expected[1::2]
    with pytest.raises(IndexError):
        units[len(units)]


def test_what_is_done_is_left_out():
    units = Units(4, [1, 2, 0, 2])
    done = set(units[::3])
    left = units.without(done)
    assert list(left) == [unit for unit in units if unit not in done]
    assert list(left.without(left)) == []
    assert list(left.without(list(left)[2:])) == list(left)[:2]
    strange = [Unit(9, 0, 0), Unit(0, 9, 0), Unit(0, 1, 9), Unit(0, 2, 0)]
    assert list(units.without(strange)) == list(units), "of another plan"
