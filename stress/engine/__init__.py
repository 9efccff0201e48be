"""The only place that calls the model: plan, execute, leave records."""

from stress.engine._execute import Outcome, execute, prepared, run
from stress.engine._folder import Run, open_run
from stress.engine._plan import Planned, Settings, plan_run

__all__ = ["Outcome", "Planned", "Run", "Settings", "execute", "open_run", "plan_run", "prepared", "run"]
