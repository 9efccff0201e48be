"""Real sentences in 31 languages, where the checkout has them: SIB-200, by language, split and topic."""

import csv
import gzip
from functools import cache
from pathlib import Path

import pytest

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "sib200" / "sib200_31lang_parallel.tsv.gz"
LANGUAGES = (
    *("eng_Latn", "deu_Latn", "fra_Latn", "spa_Latn", "ita_Latn", "por_Latn", "nld_Latn", "dan_Latn", "swe_Latn"),
    *("ron_Latn", "pol_Latn", "ces_Latn", "tur_Latn", "fin_Latn", "hun_Latn", "ind_Latn", "vie_Latn", "swh_Latn"),
    *("yor_Latn", "rus_Cyrl", "ukr_Cyrl", "ell_Grek", "arb_Arab", "pes_Arab", "heb_Hebr", "hin_Deva", "ben_Beng"),
    *("tha_Thai", "zho_Hans", "jpn_Jpan", "kor_Hang"),
)

needs_sib200 = pytest.mark.skipif(not TABLE.is_file(), reason="SIB-200 is not in this checkout")


@cache
def rows():
    with gzip.open(TABLE, "rt", encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def sentences(language, count=40):
    return [row[language] for row in rows()[:count]]
