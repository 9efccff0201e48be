"""Releases over time: static pages with trends, comparisons of any two, gates, and what people say of them."""

from stress.report.site._write import write_site

__all__ = ["write_site"]
