"""How inputs go wrong together: suites of composed perturbations, expanded into severity grids."""

from scenarios._cells import CLEAN, Cell, Condition, Plan
from scenarios._compose import perturb, perturb_stream

__all__ = ["CLEAN", "Cell", "Condition", "Plan", "perturb", "perturb_stream"]
