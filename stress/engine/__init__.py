"""The only place that calls the model: plan, execute, leave records."""

from stress.engine._execute import Outcome, as_it_answers, execute, prepared, settled_job
from stress.engine._plan import Planned, plan_run
from stress.engine._preflight import Check
from stress.engine._progress import duration
from stress.engine._reparse import reparse
from stress.engine._rounds import Chooser
from stress.engine._settings import Settings
from stress.engine._threads import one_thread_each
from stress.engine._units import Unit

__all__ = [
    "Check",
    "Chooser",
    "Outcome",
    "Planned",
    "Settings",
    "Unit",
    "as_it_answers",
    "duration",
    "execute",
    "one_thread_each",
    "plan_run",
    "prepared",
    "reparse",
    "settled_job",
]
