"""What people see: a page that opens anywhere, figures and tables for a paper, a summary for the terminal."""

from stress.report._export import plain_table
from stress.report._history import write_history
from stress.report._methods import methods_of
from stress.report._page import write_report, write_sample
from stress.report._sources import sources_of
from stress.report._terminal import print_summary
from stress.report.paper import card_data, card_text, plot, save, table_text
from stress.report.site import write_site
from stress.report.together import write_comparison

__all__ = [
    "card_data",
    "card_text",
    "methods_of",
    "plain_table",
    "plot",
    "print_summary",
    "save",
    "sources_of",
    "table_text",
    "write_comparison",
    "write_history",
    "write_report",
    "write_sample",
    "write_site",
]
