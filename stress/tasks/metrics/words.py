"""Metrics of answers in words: edits over the words of the reference, and overlap with it."""

from __future__ import annotations

import math
from functools import partial

from stress.records.metric import HOUSE, Metric, register
from stress.tasks.metrics.every import FAILURES, LATENCY

__all__ = ["CAPTIONING", "FREE_TEXT", "TRANSCRIPTION", "VQA"]

_row = partial(Metric, module=f"{HOUSE}.words")
_SILENCE = "undefined: no word in any reference, only silence"
_rate = partial(_row, kind="ratio", bottom="words", better="lower", undefined=_SILENCE)
_EXACT = _row("exact_match", top="exact")

_TRANSCRIPTION = (
    _rate("wer", top="word_errors", failed=1.0, high=math.inf),
    _rate("cer", top="character_errors", bottom="characters", failed=1.0, high=math.inf),
    _rate("word_deletions", top="deletions", failed=1.0),
    _rate("word_insertions", top="insertions", failed=0.0, high=math.inf),
    _rate("word_substitutions", top="substitutions", failed=0.0),
    _EXACT,
)
_FREE_TEXT = (
    _row("token_f1", top="token_f1"),
    _EXACT,
    _row("chrf", top="chrf", source="popovic2015"),
)
_VQA = (_row("vqa_accuracy", top="vqa", source="antol2015; goyal2017"), _EXACT)

TRANSCRIPTION = (*map(register, _TRANSCRIPTION), *FAILURES, *LATENCY)
FREE_TEXT = (*map(register, _FREE_TEXT), *FAILURES, *LATENCY)
CAPTIONING = (FREE_TEXT[2], *FREE_TEXT[:2], *FREE_TEXT[3:])
VQA = (*map(register, _VQA), *FAILURES, *LATENCY)
