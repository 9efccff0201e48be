"""What goes wrong with the machine that a model runs on: no time, no memory, smaller weights, inputs that come late.

A condition of the machine befalls no stream. It says under which terms the model answers: the sample is as it was.
"""

from perturbations._params import Choice, Param
from perturbations.machine._declare import machine
from perturbations.machine._terms import Terms, terms_of

__all__ = ["Terms", "batch", "deadline", "machine", "memory", "slow_input", "terms_of", "threads", "weights"]


@machine(
    cite="reddi2020",
    limit_ms=Param("time from the question to the answer, after which it is of no use", "ms", 0, 1e8, scale="log",
                   levels=(1000, 500, 200, 100, 50)),
)  # fmt: skip
def deadline(*, limit_ms: float) -> Terms:
    """A controller that cannot wait: an answer after the deadline is lost, however right it is.

    What counts is the measured time of the call (``seconds`` in the records): of the whole batch, as each of its
    samples waits for the last, or of each answer where the model says how long that took. The call itself is not cut
    off.
    """
    return Terms(deadline_ms=limit_ms)


@machine(
    cite="demichelis2002",
    delay_ms=Param("time that every input takes to arrive", "ms", 0, 1e8, clean=0, levels=(20, 50, 100, 200, 500)),
    jitter_ms=Param("mean of what an input takes besides, an exponential draw each", "ms", 0, 1e8, clean=0,
                    levels=(5, 10, 20, 50, 100), default=0),
)  # fmt: skip
def slow_input(*, delay_ms: float, jitter_ms: float) -> Terms:
    """A slow or uneven connection: an input arrives late, and the answer with it.

    A batch waits for the last of its samples. The time is added to that of the call and nobody sleeps; beside a
    ``deadline`` it decides which answers are lost. A sample draws the same luck at every level.
    """
    return Terms(delay_ms=delay_ms, jitter_ms=jitter_ms)


@machine(
    cite="posix2018",
    headroom_mb=Param("memory that answering may take beyond what the worker holds", "10⁶ bytes", 1, 1e7, scale="log",
                      levels=(2000, 1000, 500, 200, 100)),
)  # fmt: skip
def memory(*, headroom_mb: float) -> Terms:
    """A small device, or a container with a limit: an answer that takes more memory than there is fails.

    A limit on the address space of a worker process while it answers; it needs workers in processes of their own. What
    a model reserves counts, used or not.
    """
    return Terms(headroom_mb=headroom_mb)


@machine(
    cite="reddi2020",
    count=Param("threads of the numerical libraries for one question", "threads", 1, 4096, scale="integer", default=2),
)
def threads(*, count: int) -> Terms:
    """Another number of processors than in the test: sums come in another order, and answers sooner or later.

    A worker's libraries use one thread; this says how many they use instead.
    """
    return Terms(threads=count)


@machine(
    cite="reddi2020",
    size=Param("samples that the model is asked about at once", "samples", 1, 4096, scale="integer",
               levels=(4, 8, 16, 32, 64)),
)  # fmt: skip
def batch(*, size: int) -> Terms:
    """A busy service: samples are answered together, in larger batches, each as late as the last of them.

    Whatever the run's own batch size is. Models that pad, normalise or quantise over a batch answer differently, too.
    """
    return Terms(batch=size)


@machine(
    cite=("kalamkar2019", "jacob2018"),
    to=Choice(
        "how weights are held: rounded to bfloat16, or linear and recurrent layers as dynamically quantised 8-bit "
        "integers",
        ("bf16", "int8"),
        default="int8",
        axis=True,
    ),
)
def weights(*, to: str) -> Terms:
    """A model made smaller for the device that it is shipped to: its weights lose digits.

    Of torch models. ``bf16`` rounds every weight to 8 significant bits, arithmetic stays as it was; ``int8`` quantises
    linear and recurrent layers as torch's dynamic quantisation does, activations batch by batch.
    """
    return Terms(weights=to)
