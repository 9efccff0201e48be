"""Several runs on one page: differences in pairs, what got worse first."""

from stress.report.together._write import write_comparison

__all__ = ["write_comparison"]
