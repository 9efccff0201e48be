"""Negation reads its clause: questions, commands, short forms, what is negative already – and adds or takes one not."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations import apply


def negated(text):
    return apply("text.negation", text, share=1.0)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("Who is it?", "Who is it not?"), ("who is it", "who is it not"), ("WHO IS IT?", "WHO IS IT NOT?"),
        ("And who are you?", "And who are you not?"), ('"Who is it?" he asked.', '"Who is it not?" he asked.'),
        ("Tell me, who is it?", "Tell me, who is it not?"), ("Who can swim?", "Who can't swim?"),
        ("Who did you see?", "Who did you not see?"), ("Who isn't there?", "Who is there?"),
        ("How old are you?", "How old are you not?"), ("How long will it take?", "How long will it not take?"),
        ("How many people are there?", "How many people aren't there?"),
        ("How good is it", "How good is it not"), ("How good it is!", "How good it is not!"),
        ("Which one is better?", "Which one isn't better?"), ("Whose car is this?", "Whose car isn't this?"),
        ("To whom was it given?", "To whom was it not given?"), ("where is the station", "where isn't the station"),
        ("Excuse me, is this seat free?", "Excuse me, isn't this seat free?"),
        ("Could he have gone?", "Could he not have gone?"), ("Is Will here?", "Isn't Will here?"),
        ("It is, isn't it?", "It isn't, is it?"), ("The U.S. is big.", "The U.S. is not big."),
    ],
)  # fmt: skip
def test_questions(text, after):
    assert negated(text) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("I'm here.", "I'm not here."), ("I'M HERE.", "I'M NOT HERE."), ("He’s here.", "He’s not here."),
        ("They've gone.", "They've not gone."), ("I'd better go.", "I'd better not go."),
        ("He'll have gone.", "He'll not have gone."), ("There's a dog.", "There's not a dog."),
        ("I'm not here.", "I'm here."), ("She'll not go.", "She'll go."), ("Let's go.", "Let's not go."),
        ("You couldn't have gone.", "You could have gone."),
        ("He might well have gone.", "He might not well have gone."), ("He had had enough.", "He had not had enough."),
        ("I would rather not go.", "I would rather go."), ("You had better not go.", "You had better go."),
        ("He is really not here.", "He is really here."), ("Is he really not here?", "Is he really here?"),
        ("Is the man not here?", "Is the man here?"), ("It is better.", "It is not better."),
        ("I don't know who he is.", "I do know who he is not."),
        ("There is a dog.", "There is not a dog."), ("There must be a way.", "There must not be a way."),
        ("There isn't any milk.", "There is some milk."), ("He can't see anybody.", "He can see somebody."),
        ("Isn't there any milk?", "Is there any milk?"),
        ("She has a few friends who are here.", "She has a few friends who are not here."),
        ("The can is full.", "The can is not full."), ("May is warm.", "May is not warm."),
    ],
)  # fmt: skip
def test_short_forms_verbs_in_several_words_and_any(text, after):
    assert negated(text) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("Be careful.", "Don't be careful."), ("Please be quiet.", "Please don't be quiet."),
        ("Please do it.", "Please don't do it."), ("Please don't go.", "Please go."), ("DO NOT ENTER.", "ENTER."),
        ("Don't do anything.", "Do something."),
    ],
)  # fmt: skip
def test_commands(text, after):
    assert negated(text) == after


@pytest.mark.parametrize(
    "text",
    ["Nobody was there.", "No one is here.", "None of them are here.", "Not all are here.", "Few are here.",
     "Hardly anyone is here.", "Neither do I.", "Nor am I.", "Never have I seen it.", "She is rarely late.",
     "I have seen nothing.", "There will be no rain.", "He is nothing.", "It's now or never.", "He can't not go.",
     "I can but try.", "He cannot but laugh.", "So do I.", "So am I.", "Here is the book.", "More than can be said.",
     "That is, today.", "Who did it?", "Who has it?", "What did it?", "I haven't been there yet.", "Don't even try.",
     "I'm not only late.", "Can openers open.", "What's up?", "You needn't go.", "He ain't here.", "Let us go."],
)  # fmt: skip
def test_what_is_negative_already_compared_fixed_or_open_stays(text):
    assert negated(text) == text


SUBJECTS = ["I", "you", "he", "it", "they", "the dog", "Anna", "this", "that", "everyone", "the man in the hall"]
GROUPS = [("can", "go"), ("could", "have gone"), ("will", "be late"), ("should", "know"), ("must", "wait"),
          ("would", "have been seen")]  # fmt: skip
BE = {"I": "am", "you": "are", "they": "are"}
ADVERBS = ["", "really", "still", "probably", "often"]
TAILS = ["", "in May", "with a can of beans", "at his will", "because of the rain"]
ASKING = ["", "why", "when", "where", "how", "whom", "at what time", "how often"]


@st.composite
def clauses(draw):
    """Return a clause with one auxiliary, and whether it is a question."""
    subject = draw(st.sampled_from(SUBJECTS))
    auxiliary, verb = draw(st.sampled_from([*GROUPS, (BE.get(subject, "is"), "here"), ("had", "gone")]))
    verb = " ".join(filter(None, (draw(st.sampled_from(ADVERBS)), verb, draw(st.sampled_from(TAILS)))))
    asks = draw(st.booleans())
    if asks:
        text = " ".join(filter(None, (draw(st.sampled_from(ASKING)), auxiliary, subject, verb))) + "?"
    else:
        text = f"{subject} {auxiliary} {verb}."
    return text[0].upper() + text[1:]


def bare(text):
    """Return a text's words without any not, and how many there were."""
    plain = re.sub(r"\bcan't\b|\bcannot\b", "can not", text.lower())
    plain = re.sub(r"\bwon't\b", "will not", plain)
    plain = re.sub(r"n't\b", " not", plain)
    words = re.findall(r"[a-z']+", plain)
    return [word for word in words if word != "not"], words.count("not")


@settings(max_examples=600, deadline=None)
@given(clauses())
def test_one_not_comes_or_goes_and_twice_is_once(text):
    once = negated(text)
    words, count = bare(text)
    assert bare(once) == (words, count + 1), (text, once)
    twice = negated(once)
    assert bare(twice) == (words, count), (text, once, twice)
    assert twice[0].isupper()
    assert twice[-1] == text[-1]


SMALL = [
    "who", "what", "is", "it", "not", "n't", "do", "don't", "be", "have", "been", "can", "I'm", "he's", "you", "never",
    "no", ".", "?", ",", "!", "and", "the", "please", "'s", "’", "\n", "so", "than", "any",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(SMALL), max_size=14).map(" ".join))
def test_any_run_of_small_words_is_taken_and_never_doubled(text):
    after = negated(text)
    assert after.lower().count("not not") <= text.lower().count("not not")
    assert apply("text.negation", text, 3, sample="a") == apply("text.negation", text, 3, sample="a")
