"""Published benchmarks in one call: the result says whether its inputs were the published files."""

import stress


def cifar(predict, folder, out):
    """CIFAR-10-C: the mean corruption accuracy that RobustBench reports."""
    found = stress.benchmarks.cifar10_c(predict, folder, out, workers=1)
    return found.source, found.numbers["mean_corruption_accuracy"]


def imagenet(predict, folder, out):
    """ImageNet-C: the mean corruption error over AlexNet's."""
    found = stress.benchmarks.imagenet_c(predict, folder, out, workers=1)
    return found.source, found.numbers["mce"]


def speech(recognise, folder, out, reference):
    """Speech Robust Bench: what perturbations add to the word error rate, over what they add to another model's."""
    found = stress.benchmarks.speech_robust_bench(recognise, folder, out, reference=reference, workers=1)
    return found.source, found.numbers["nwerd"]


def streams(predict, samples, out):
    """What is left, on average, where streams are lost and zeros stand in their place."""
    found = stress.benchmarks.missing_streams(predict, samples, out, workers=1)
    return found.numbers["mean_zeros"]
