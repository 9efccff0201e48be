"""What a paper on a run has to cite: where its perturbations, its metrics and its data come from."""

from __future__ import annotations

from perturbations.errors import named_keywords
from stress.data import cited
from stress.measure import Measurable
from stress.records.metric import registered
from stress.report._book import Book

__all__ = ["sources_of"]


@named_keywords
def sources_of(run: Measurable) -> dict[str, list[str]]:
    """Return the sources of a run – keys of our bibliography, or a user's own words – of ``perturbations``, ``metrics``
    and ``data``, each sorted and once.

    A metric whose module has not been imported cannot tell its source, and is named instead.
    """
    book = Book(run)
    known = {(metric.module, metric.name): metric.source for metric in registered()}
    metrics: set[str] = set()
    for row in book.info.get("metrics") or ():
        unread = f"metric {row['name']}: its module {row['module']} is not imported"
        metrics.update(filter(None, known.get((row["module"], row["name"]), unread).split("; ")))
    perturbed = {key for keys in (book.info.get("sources") or {}).values() for key in keys}
    data = (book.identity.get("data") or {}).get("name") or ""
    return {"perturbations": sorted(perturbed), "metrics": sorted(metrics), "data": list(cited(data))}
