"""Evidence for a technical file: what was declared, what was tested, and what was found, with the digests of all of it.

It is evidence, not conformity: whoever signs checks it.

>>> from stress.evidence import load_declaration, write_evidence
>>> declared = load_declaration(Path("declaration.yaml"))  # doctest: +SKIP
>>> write_evidence([stress.open("runs/release")], declared, Path("evidence"))["outcome"]  # doctest: +SKIP
"""

from stress.evidence._assemble import NOTICE, assemble
from stress.evidence._declaration import Condition, Declaration, load_declaration
from stress.evidence._write import SUMS, write_evidence

__all__ = ["NOTICE", "SUMS", "Condition", "Declaration", "assemble", "load_declaration", "write_evidence"]
