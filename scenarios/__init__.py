"""How inputs go wrong together: suites of composed perturbations, expanded into severity grids.

>>> import scenarios
>>> plan = scenarios.expand(scenarios.load("demo"), {"photo": "image", "speech": "audio", "caption": "text"})
>>> plan.cells[0].id, plan.cells[1].id
('clean', 'gaussian-noise:1')
"""

from scenarios._cells import CLEAN, Cell, Condition, Plan
from scenarios._compose import captured, course_of, perturb, perturb_stream
from scenarios._expand import expand
from scenarios._goals import Goals, goals_of
from scenarios._read import load, loads, suites
from scenarios._same import content, drawn
from scenarios._spec import EVERYTHING, MACHINE, Scenario, Step, Suite

__all__ = [
    "CLEAN",
    "EVERYTHING",
    "MACHINE",
    "Cell",
    "Condition",
    "Goals",
    "Plan",
    "Scenario",
    "Step",
    "Suite",
    "captured",
    "content",
    "course_of",
    "drawn",
    "expand",
    "goals_of",
    "load",
    "loads",
    "perturb",
    "perturb_stream",
    "suites",
]
