"""What a translation or paraphrase model makes of a text; the model is a local folder of one's own."""

from __future__ import annotations

from perturbations._declare import text_corruption
from perturbations._params import Choice
from perturbations.text._seq2seq import folder_problem, rewrite

__all__ = ["back_translation", "paraphrase", "translation"]


def _model(meaning: str, axis: bool = True) -> Choice:
    return Choice(f"folder of {meaning}, as transformers saves it", axis=axis, path=True, test=folder_problem)


def _code(meaning: str) -> Choice:
    return Choice(
        f"{meaning}, as the model's tokenizer writes it (deu_Latn); empty: the model knows one only", default=""
    )


@text_corruption(
    cite=("junczys2018", "nllb2022"),
    model=_model("a translation model (Marian, NLLB, M2M-100)"),
    source=_code("language of the text"),
    to=_code("language translated into"),
)
def translation(text: str, *, model: str, source: str, to: str) -> str:
    """A user writes in another language: the text is translated, sentence by sentence, by a model in a local folder.

    Needs the ``huggingface`` and ``torch`` extras. Nothing is downloaded. Deterministic: beam search, no sampling.
    """
    return rewrite(text, model, source=source, to=to)


@text_corruption(
    cite="sennrich2016",
    model=_model("a model that translates into the pivot language"),
    back=_model("a model that translates back; it may be the same folder", axis=False),
    source=_code("language of the text"),
    pivot=_code("pivot language"),
)
def back_translation(text: str, *, model: str, back: str, source: str, pivot: str) -> str:
    """The message went through another language: it is translated there and back, and comes home reworded."""
    there = rewrite(text, model, source=source, to=pivot)
    return rewrite(there, back, source=pivot, to=source)


@text_corruption(
    cite="dhole2023",
    model=_model("a paraphrase model (T5, BART, Pegasus)"),
    prefix=Choice("instruction that the model expects before each sentence", default=""),
)
def paraphrase(text: str, *, model: str, prefix: str) -> str:
    """The same said in other words, sentence by sentence, by a model in a local folder."""
    return rewrite(text, model, prefix=prefix)
