"""The only place that calls the model: plan, execute, leave records."""

from stress.engine._execute import Outcome, execute, prepared, settled_job
from stress.engine._plan import Planned, Settings, plan_run
from stress.engine._preflight import Check
from stress.engine._progress import duration
from stress.engine._threads import one_thread_each

__all__ = [
    "Check",
    "Outcome",
    "Planned",
    "Settings",
    "duration",
    "execute",
    "one_thread_each",
    "plan_run",
    "prepared",
    "settled_job",
]
