"""Slips of the fingers."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from perturbations._declare import text_corruption
from perturbations._params import Param

__all__ = ["keyboard_typos"]

_ROWS = ("`1234567890-=", " qwertyuiop[]", " asdfghjkl;'", " zxcvbnm,./")


def _neighbours() -> dict[str, str]:
    """Return the letters beside each letter on a QWERTY keyboard: its row, and the rows above and below."""
    place = {key: (row, column) for row, keys in enumerate(_ROWS) for column, key in enumerate(keys) if key != " "}
    near = {
        key: "".join(
            other
            for other, (r, c) in place.items()
            if other.isalpha() and other != key and abs(r - row) <= 1 and -1 <= (c - column) + (r - row) * 0.5 <= 1
        )
        for key, (row, column) in place.items()
        if key.isalpha()
    }
    return near | {key.upper(): value.upper() for key, value in near.items()}


_NEAR = _neighbours()


@text_corruption(
    cite="belinkov2018",
    share=Param("share of the letters that are hit", "of letters", 0, 1, clean=0, levels=(0.02, 0.05, 0.1, 0.2, 0.4)),
)
def keyboard_typos(text: str, rng: Generator, *, share: float) -> str:
    """A finger lands on the next key: letters are replaced by a neighbour on a QWERTY keyboard."""
    chance = rng.random(len(text))
    pick = rng.random(len(text))
    characters = list(text)
    for index in np.flatnonzero(chance < share):
        if near := _NEAR.get(characters[index]):
            characters[index] = near[int(pick[index] * len(near))]
    return "".join(characters)
