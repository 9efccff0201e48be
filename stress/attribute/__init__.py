"""Which stream an answer rests on: integrated gradients, occlusion, and whether the records agree with them.

>>> from stress.attribute import attribute
>>> found = attribute(stress.open("runs/demo"), stress.load_model("demo"), "demo")  # doctest: +SKIP
>>> found.of("clean", "integrated_gradients")["image"].value  # doctest: +SKIP
"""

from stress.attribute._attribute import Attribution, Deleted, Part, attribute
from stress.attribute._judgements import Judgements, load_judgements
from stress.attribute._measured import Beside
from stress.attribute._shares import Share

__all__ = ["Attribution", "Beside", "Deleted", "Judgements", "Part", "Share", "attribute", "load_judgements"]
