"""Real sentences in 31 languages: production that is not English any more is named as that, and found at once."""

import numpy as np

from stress.monitor import Reference
from stress.monitor._describe import named_changes
from stress.monitor._reference import Scene, tie_of
from stress.policy import signals_of
from stress.statistics.edetectors import Detector, cells_of
from tests import sib200

ALPHA = 1e-6


def signals(texts):
    return np.array([list(signals_of({"text": text}).values()) for text in texts])


@sib200.needs_sib200
def test_thirty_languages_are_a_language_shift_and_english_is_none():
    order = np.random.default_rng(0).permutation(len(sib200.rows()))  # the table is sorted
    english = [sib200.rows()[i]["eng_Latn"] for i in order]
    clean, ties = signals(english[:200]), np.array([tie_of(str(i)) for i in range(200)])
    reference = Reference(
        run="", streams={"text": "text"}, signals=tuple(signals_of({"text": english[0]})), which="cheap",
        block="sequence", frames=1, blocks=clean, ties=ties, scenes=(Scene(None, clean, 1.0, 0.0),), devices={},
        bounded=True, headline="accuracy",
    )  # fmt: skip
    watching = Detector(cells_of(clean, ties), ALPHA)
    for i, values in enumerate(signals(english[200:500])):
        assert not len(watching.look(values, tie_of(f"clean {i}")).alarms)
    assert not named_changes(signals(english[500:600]), {}, 100.0, reference, ALPHA)
    before = watching.state()
    for language in sib200.LANGUAGES[1:]:
        texts = signals([sib200.rows()[i][language] for i in order[600:650]])
        named = named_changes(texts, {}, 50.0, reference, ALPHA)
        assert [change["kind"] for change in named] == ["language shift"], language
        watching.restore(before)
        looks = (len(watching.look(values, tie_of(f"{language} {i}")).alarms) for i, values in enumerate(texts))
        assert next(i for i, alarms in enumerate(looks, 1) if alarms) <= 12, language
