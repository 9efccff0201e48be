"""Text perturbations beside nlpaug: one core, a new key for every call, and cost against length up to 10 MB.

    python -m benchmarks text [--repeats N] [--no-lengths] [--fresh]

The pairs do the same thing to about the same share of the text. Every call has a draw of its own that can be made
again: ours is re-keyed, as in a run; for nlpaug the process-wide generator is seeded. Every call is given the same
text, as the cells of a run are, so ours cuts it into words and characters once; with ``--fresh`` each call has a text
of its own.
"""

from __future__ import annotations

import argparse
import random
import time
import warnings
from collections.abc import Callable

from benchmarks._timing import geometric_mean, medians
from perturbations import Key, Sample, Stream, get
from perturbations._core import run_step

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "near", "the", "river"]
SHORT = " ".join(WORDS)
LONG = " ".join((WORDS * 10)[:110])
SENTENCE = "Dr. O'Neil paid 26.2 euros for two books; they weren't cheap, because the weather is good. "
PAIRS = {
    "keyboard": ("text.keyboard_typos", "char", "KeyboardAug", {}),
    "ocr": ("text.ocr_confusions", "char", "OcrAug", {}),
    "char insert": ("text.inserted_letters", "char", "RandomCharAug", {"action": "insert"}),
    "char swap": ("text.swapped_letters", "char", "RandomCharAug", {"action": "swap"}),
    "char delete": ("text.dropped_letters", "char", "RandomCharAug", {"action": "delete"}),
    "word swap": ("text.swapped_words", "word", "RandomWordAug", {"action": "swap"}),
    "word delete": ("text.dropped_words", "word", "RandomWordAug", {"action": "delete"}),
    "word split": ("text.split_words", "word", "SplitAug", {}),
    "spelling": ("text.misspellings", "word", "SpellingAug", {}),
}
SHARES = {"char": {SHORT: 0.1, LONG: 0.03}, "word": {SHORT: 0.3, LONG: 0.09}, "spelling": {SHORT: 0.5, LONG: 0.15}}
"""Of the characters, the words, and the words that the lexicon knows: as many as nlpaug hits.

nlpaug hits 30 % of the words, ten at most, and 30 % of the letters of a word that it hits.
"""


def variants(text: str) -> list[str]:
    """Return a thousand texts of the same words, each in an order of its own: more than are remembered in pieces."""
    words = text.split(" ")
    shuffle = random.Random(0).shuffle  # noqa: S311 - orders of words
    return [text, *(" ".join(words) for _ in range(999) if shuffle(words) is None)]


def ours(name: str, texts: list[str], share: float) -> Callable[[int], object]:
    """Return a call of a perturbation as a run makes it: settings worked out once, a new key for each sample."""
    perturbation = get(name)
    settings = perturbation.settings(given={"share": share})
    streams = [Stream(Sample("0", {"text": text}), "text") for text in texts]
    version, count = perturbation.version, len(texts)

    def call(number: int) -> object:
        key = Key(0, name, version, "default", "text", 0, str(number), 0)
        return run_step(perturbation, streams[number % count], settings, key)

    return call


def theirs(module: str, name: str, keywords: dict[str, str], texts: list[str]) -> Callable[[int], object]:
    """Return a call of nlpaug's augmenter."""
    from importlib import import_module

    augmenter = getattr(import_module(f"nlpaug.augmenter.{module}"), name)(**keywords)

    def call(number: int) -> object:
        random.seed(number)
        return augmenter.augment(texts[number % len(texts)])

    return call


def against_nlpaug(repeats: int, fresh: bool) -> None:
    """Print the time of each pair on 12 and 110 words, and the geometric mean of the ratios."""
    for text, required in ((SHORT, 8), (LONG, 18)):
        texts = variants(text) if fresh else [text]
        words = text.count(" ") + 1
        print(f"\n{words} words             ours µs   nlpaug µs   ratio")
        ratios = []
        for label, (name, module, peer, keywords) in PAIRS.items():
            kind = {"word split": "char", "spelling": "spelling"}.get(label, module)
            share = SHARES[kind][text]
            taken = medians(
                {"ours": ours(name, texts, share), "nlpaug": theirs(module, peer, keywords, texts)}, repeats=repeats
            )
            ratios.append(taken["nlpaug"] / taken["ours"])
            print(f"{label:<20} {taken['ours'] * 1e6:8.1f}  {taken['nlpaug'] * 1e6:10.1f}  {ratios[-1]:6.1f}")
        print(f"{'geometric mean':<42} {geometric_mean(ratios):6.1f}   required {required}")


def against_length() -> None:
    """Print the time a megabyte for texts of 10 kB to 10 MB: equal numbers mean a cost linear in the length."""
    from perturbations.modality.text import edit_distance

    lengths = (10_000, 100_000, 1_000_000, 10_000_000)
    print(f"\nseconds a million characters {''.join(f'{length:>12,}' for length in lengths)}")
    calls = {name: (lambda text, n=name: ours(n, [text], 0.1)(0)) for name in
             ("text.keyboard_typos", "text.ocr_confusions", "text.dropped_words", "text.homophones")}  # fmt: skip
    calls["text distortion"] = lambda text: edit_distance(text, damaged[len(text)])
    damaged: dict[int, object] = {}
    for label, call in calls.items():
        taken = []
        for length in lengths:
            text = (SENTENCE * (length // len(SENTENCE) + 1))[:length]
            damaged[length] = ours("text.keyboard_typos", [text], 0.1)(0)
            start = time.perf_counter()
            call(text)
            taken.append((time.perf_counter() - start) / length * 1e6)
        print(f"{label:<28} {''.join(f'{seconds:12.3f}' for seconds in taken)}")


def main(argv: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks text", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="repeats of which the median is taken")
    parser.add_argument("--no-lengths", action="store_true", help="leave out the texts of up to 10 MB")
    parser.add_argument("--fresh", action="store_true", help="give each call a text of its own")
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    against_nlpaug(options.repeats, options.fresh)
    if not options.no_lengths:
        against_length()
