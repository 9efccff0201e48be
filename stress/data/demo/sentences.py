"""The same thing said in nine languages, plainly or vaguely, so that text alone cannot always give the digit away."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

LANGUAGES: Final = ("de", "en", "es", "fr", "it", "nl", "pt", "ru", "zh")

NUMBER_WORDS: Final = MappingProxyType(
    {
        "de": ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
        "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        "es": ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
        "fr": ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
        "it": ("zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"),
        "nl": ("nul", "één", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen"),
        "pt": ("zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"),
        "ru": ("ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"),
        "zh": ("零", "一", "二", "三", "四", "五", "六", "七", "八", "九"),
    }
)

# Row i says the same in every language.
_CLEAR: Final = MappingProxyType(
    {
        "de": (
            "Die Zahl ist {}.",
            "Hier steht {}.",
            "Bitte notieren Sie die Ziffer {}.",
            "Ich habe {} gesagt.",
            "Es müsste {} sein.",
            "Die Antwort lautet {}.",
        ),
        "en": (
            "The number is {}.",
            "It says {} here.",
            "Please write down the digit {}.",
            "I said {}.",
            "It should be {}.",
            "The answer is {}.",
        ),
        "es": (
            "El número es {}.",
            "Aquí dice {}.",
            "Por favor, anote la cifra {}.",
            "He dicho {}.",
            "Debería ser {}.",
            "La respuesta es {}.",
        ),
        "fr": (
            "Le nombre est {}.",
            "Ici il y a écrit {}.",
            "Veuillez noter le chiffre {}.",
            "J'ai dit {}.",
            "Ce devrait être {}.",
            "La réponse est {}.",
        ),
        "it": (
            "Il numero è {}.",
            "Qui c'è scritto {}.",
            "Per favore annoti la cifra {}.",
            "Ho detto {}.",
            "Dovrebbe essere {}.",
            "La risposta è {}.",
        ),
        "nl": (
            "Het getal is {}.",
            "Hier staat {}.",
            "Noteer alstublieft het cijfer {}.",
            "Ik zei {}.",
            "Het zou {} moeten zijn.",
            "Het antwoord is {}.",
        ),
        "pt": (
            "O número é {}.",
            "Aqui diz {}.",
            "Por favor, anote o algarismo {}.",
            "Eu disse {}.",
            "Deve ser {}.",
            "A resposta é {}.",
        ),
        "ru": (
            "Это число {}.",
            "Здесь написано {}.",
            "Пожалуйста, запишите цифру {}.",
            "Я говорю: {}.",
            "Должно быть {}.",
            "Ответ: {}.",
        ),
        "zh": ("这个数字是{}。", "这里写着{}。", "请记下数字{}。", "我说的是{}。", "应该是{}。", "答案是{}。"),
    }
)

_NO_HINT: Final = MappingProxyType(
    {
        "de": ("Ich habe es nicht verstanden.", "Das weiß ich leider nicht.", "Können Sie das wiederholen?"),
        "en": ("I did not catch that.", "Sorry, I do not know.", "Could you say that again?"),
        "es": ("No lo he entendido.", "Lo siento, no lo sé.", "¿Puede repetirlo?"),
        "fr": ("Je n'ai pas compris.", "Désolé, je ne sais pas.", "Pouvez-vous répéter ?"),
        "it": ("Non ho capito.", "Mi dispiace, non lo so.", "Può ripetere?"),
        "nl": ("Ik heb het niet verstaan.", "Sorry, ik weet het niet.", "Kunt u dat herhalen?"),
        "pt": ("Não percebi.", "Desculpe, não sei.", "Pode repetir?"),
        "ru": ("Я не понял.", "Извините, я не знаю.", "Можете повторить?"),
        "zh": ("我没听清。", "对不起，我不知道。", "请再说一遍好吗？"),
    }
)

# In the order of `hint`: small even, small odd, large even, large odd; "large" starts at five.
_HINT: Final = MappingProxyType(
    {
        "de": ("Klein und gerade.", "Klein und ungerade.", "Groß und gerade.", "Groß und ungerade."),
        "en": ("A small even number.", "A small odd number.", "A large even number.", "A large odd number."),
        "es": ("Pequeño y par.", "Pequeño e impar.", "Grande y par.", "Grande e impar."),
        "fr": ("Petit et pair.", "Petit et impair.", "Grand et pair.", "Grand et impair."),
        "it": ("Piccolo e pari.", "Piccolo e dispari.", "Grande e pari.", "Grande e dispari."),
        "nl": ("Klein en even.", "Klein en oneven.", "Groot en even.", "Groot en oneven."),
        "pt": ("Pequeno e par.", "Pequeno e ímpar.", "Grande e par.", "Grande e ímpar."),
        "ru": ("Маленькое чётное.", "Маленькое нечётное.", "Большое чётное.", "Большое нечётное."),
        "zh": ("小的偶数。", "小的奇数。", "大的偶数。", "大的奇数。"),
    }
)

CLEAR_ROWS: Final = len(_CLEAR["en"])
NO_HINT_ROWS: Final = len(_NO_HINT["en"])


def clear(language: str, row: int, digit: int) -> str:
    """The speaker names the digit: one of six everyday sentences with the number word in it."""
    return _CLEAR[language][row].format(NUMBER_WORDS[language][digit])


def hint(language: str, digit: int) -> str:
    """The speaker only says whether the digit is small or large, even or odd: two or three digits remain."""
    return _HINT[language][2 * (digit >= 5) + digit % 2]


def no_hint(language: str, row: int) -> str:
    """The speaker says nothing about the digit."""
    return _NO_HINT[language][row]
