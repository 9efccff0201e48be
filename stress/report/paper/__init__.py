"""For a paper: tables of one run or of several, as LaTeX, Markdown or CSV."""

from stress.report.paper._text import table_text

__all__ = ["table_text"]
