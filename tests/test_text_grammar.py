"""Contractions and negation read their clause: is or has, would or had, questions, commands, full verbs."""

import pytest

from perturbations import apply


@pytest.mark.parametrize(
    ("full", "short"),
    [
        ("I am here; he does not know.", "I'm here; he doesn't know."),
        ("They will go. We cannot.", "They'll go. We can't."),
        ("I have been there, and I will not go.", "I've been there, and I won't go."),
        ("LET US GO. HE IS HERE.", "LET'S GO. HE'S HERE."),
    ],
)
def test_contractions_there_and_back(full, short):
    assert apply("text.contractions", full, form="contracted") == short
    assert apply("text.contractions", short, form="expanded") == full


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("He's been there.", "He has been there."), ("He's already been there.", "He has already been there."),
        ("It's got legs.", "It has got legs."), ("He's here.", "He is here."), ("That’s it.", "That is it."),
        ("She'd gone.", "She had gone."), ("She'd never seen it.", "She had never seen it."),
        ("She'd finished.", "She had finished."), ("She'd go.", "She would go."),
        ("She'd need it.", "She would need it."),
        ("I'd better go.", "I had better go."), ("I'd rely on it.", "I would rely on it."),
        ("It isn't that bad.", "It is not that bad."), ("Don't go.", "Do not go."), ("I CAN'T.", "I CANNOT."),
    ],
)  # fmt: skip
def test_what_is_short_for_two_things_is_read_by_what_follows(short, full):
    assert apply("text.contractions", short, form="expanded") == full


@pytest.mark.parametrize(
    "text",
    ["He's finished.", "She'd put it there.", "He'd a car.", "What's he want?", "Don't you know?", "Isn't he here?",
     "Why don't people go?", "isn't it?", "he's"],
)  # fmt: skip
def test_a_short_form_that_can_be_two_things_or_has_no_long_one_stays(text):
    assert apply("text.contractions", text, form="expanded") == text


@pytest.mark.parametrize(
    "text",
    ["I know who he is", "I know who he is and why", "Tell me who they are now.", "She left later than I am now",
     "They will.",
     "It is.", "What is it?", "I have a car.", "He let us go.", "I do not only sing.", "that is, today"],
)  # fmt: skip
def test_what_has_no_short_form_stays(text):
    assert apply("text.contractions", text, form="contracted") == text


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("He is here.", "He is not here."),
        ("She will not go.", "She will go."),
        ("They don't know.", "They do know."),
        ("WE CAN'T.", "WE CAN."),
        ("It should have been.", "It should not have been."),
        ("Do it.", "Don't do it."),
        ("Have a seat.", "Don't have a seat."),
        ("Do come in.", "Don't come in."),
        ("Don't be late.", "Be late."),
        ("Do not do it.", "Do it."),
        ("Is he here?", "Is he not here?"),
        ("Isn't he here?", "Is he here?"),
        ("Will you not go?", "Will you go?"),
        ("Is the man here?", "Isn't the man here?"),
        ("Where do dogs live?", "Where don't dogs live?"),
        ("Why has Anna left?", "Why hasn't Anna left?"),
        ("Have you seen it?", "Have you not seen it?"),
        ("May I go?", "May I not go?"),
        ("He can swim.", "He cannot swim."),
        ("You had better go.", "You had better not go."),
        ("A can of beans can open.", "A can of beans cannot open."),
        ("In May it may rain.", "In May it may not rain."),
        ("Aren't I late?", "Am I late?"),
    ],
)
def test_negation(text, after):
    assert apply("text.negation", text, 5) == after


@pytest.mark.parametrize(
    "text",
    ["Rain falls.", "She does homework.", "She had a dog.", "I have seven cars.", "He has to go.", "I did it.",
     "He is never late.", "There is no way.", "He will not only sing.", "Use a can.", "It came in May.",
     "She wants to have it."],
)  # fmt: skip
def test_full_verbs_nouns_and_what_is_negative_already_stay(text):
    assert apply("text.negation", text, share=1.0) == text
