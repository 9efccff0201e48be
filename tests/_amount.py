"""How much of what could be tried is tried: a share each time, and all of it with ``pytest --exhaustive``.

No law is left out of the usual run. It has fewer examples of each: simulated worlds, kills, long recordings.
"""

EXHAUSTIVE = True
"""What pytest is told, before any test is collected (conftest.py); a program of its own tries everything."""


def amount(usual, whole):
    """Return the first, or the second where everything is to be tried."""
    return whole if EXHAUSTIVE else usual
