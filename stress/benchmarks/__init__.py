"""Published benchmarks in one call: from their own files where they are there, else made on the fly, and which it was.

>>> from stress.benchmarks import cifar10_c
>>> found = cifar10_c(predict, "data/CIFAR-10-C")  # doctest: +SKIP
>>> print(found)  # doctest: +SKIP
"""

from stress.benchmarks._images import cifar10_c, imagenet_c
from stress.benchmarks._numbers import CORRUPTIONS, corruption_numbers, speech_numbers
from stress.benchmarks._result import Result
from stress.benchmarks._speech import speech_robust_bench
from stress.benchmarks._streams import missing_streams

__all__ = [
    "CORRUPTIONS",
    "Result",
    "cifar10_c",
    "corruption_numbers",
    "imagenet_c",
    "missing_streams",
    "speech_numbers",
    "speech_robust_bench",
]
