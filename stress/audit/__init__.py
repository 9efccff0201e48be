"""Can the data be trusted? Leaks between splits, groups on both sides, rare cells, empty recordings, wrong labels."""

from stress.audit._audit import Audit, Leak, audit
from stress.audit._cells import Cell, Fill, fills
from stress.audit._noise import Bounds, bounds_at, breaking_rate, corrected
from stress.audit._record import Recorded, audit_data, load_audit
from stress.audit._split import split

__all__ = [
    "Audit",
    "Bounds",
    "Cell",
    "Fill",
    "Leak",
    "Recorded",
    "audit",
    "audit_data",
    "bounds_at",
    "breaking_rate",
    "corrected",
    "fills",
    "load_audit",
    "split",
]
