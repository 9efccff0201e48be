"""Who speaks: synthetic voices of eSpeak NG, by the part of the data that they are in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["VOICES", "Split", "speaker_of"]

Split = Literal["train", "validation", "test"]

# Relatives (Gene and Gene2, steph 1 to 3 ...) are kept on one side, so that a voice is new to the model that hears it.
# All voices to learn from are men's: as in many collections of speech, only more so.
VOICES: Final[Mapping[Split, tuple[str, ...]]] = MappingProxyType(
    {
        "train": (
            "m1", "m2", "m3", "m4", "iven2", "m5", "m6", "m7", "m8", "Andy", "AnxiousAndy", "Denis", "Diogo", "Gene",
            "Gene2", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "edward2", "Storm", "adam",
            "boris", "croak", "david", "edward", "iven", "klatt", "max", "michel", "paul", "quincy", "rob",
        ),
        "validation": (
            "Alex", "f4", "Demonic", "RicishayMax", "robosoft", "announcer", "Annie", "antonio", "caleb", "anika",
            "Nguyen", "ed",
        ),
        "test": (
            "benjamin", "Andrea", "Mike", "grandpa", "aunty", "gustave", "john", "belinda", "kaukovalta", "marcelo",
            "f3", "miguel", "norbert", "f5", "pablo", "pedro", "grandma", "robert", "sandro", "linda", "travis",
            "victor", "Alicia", "Tweaky",
        ),
    }
)  # fmt: skip
# Those that eSpeak NG itself declares as female.
_FEMALE: Final = frozenset(
    (
        "f1", "f2", "f3", "f4", "f5", "Alicia", "Andrea", "Annie", "anika", "anikaRobot", "aunty", "belinda",
        "grandma", "linda", "steph", "steph2", "steph3", "whisperf",
    )
)  # fmt: skip


def speaker_of(voice: str) -> Literal["female", "male"]:
    """Say whether a voice is a woman's or a man's; one that declares neither has the pitch of a man."""
    return "female" if voice in _FEMALE else "male"
