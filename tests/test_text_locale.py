"""Numbers, dates, times, money, units and names as other countries write them."""

import pytest

import perturbations
from perturbations import InputError

TEXT = "On Monday, 3 March 2025 at 2:30 PM she paid $1,234.50 for 26.2 kg; 12 left, 1,000,000 sold by 12/31/2024."


@pytest.mark.parametrize(
    ("to", "parts"),
    [
        (
            "de_DE",
            ["Montag, 3. März 2025", "14:30", "1.234,50\u00a0$", "26,2 kg", "1.000.000", "31.12.2024"],
        ),
        ("fr_FR", ["lundi 3 mars 2025", "1\u202f234,50\u00a0$US", "26,2 kg", "31/12/2024"]),
        ("hi-IN", ["सोमवार, 3 मार्च 2025", "$1,234.50", "10,00,000", "31/12/2024"]),
        ("ja", ["2025年3月3日月曜日", "14:30", "$1,234.50", "2024/12/31"]),
        ("ar_EG", ["٣ مارس ٢٠٢٥", "١٬٢٣٤٫٥٠", "٢٦٫٢ kg", "١٢ left"]),
        ("fa_IR", ["۱۴:۳۰", "۲۶٫۲ kg"]),
        ("en_US", ["Monday, March 3, 2025", "$1,234.50", "26.2 kg", "12/31/2024"]),
    ],
)
def test_locale_format(to, parts):
    after = perturbations.apply("text.locale_format", TEXT, to=to)
    for part in parts:
        assert part in after


@pytest.mark.parametrize(
    ("source", "text", "to", "after"),
    [
        ("de_DE", "Am 3. März 2025 um 14:30 Uhr: 1.234,5 km für 99,00 €", "en_US",
         "Am March 3, 2025 um 2:30\u202fPM Uhr: 1,234.5 km für €99.00"),
        ("fr_FR", "1 234,5 le 14/07/2025", "de_DE", "1.234,5 le 14.07.2025"),
        ("ja_JP", "2025年3月3日", "en_GB", "3 March 2025"),
        ("en_GB", "7/8/2025", "en_US", "8/7/2025"),
        ("es_ES", "el 5 de mayo de 2024", "de_DE", "el 5. Mai 2024"),
    ],
)  # fmt: skip
def test_from_other_locales(source, text, to, after):
    assert perturbations.apply("text.locale_format", text, to=to, source=source) == after


@pytest.mark.parametrize(
    "text",
    ["no number here", "2025-03-03", "see https://a.b/1,234.5 now", "version 1.2.3", "call 555-1234", "31/31/2024",
     "ISO 8601", "13:77", "<p x='1,234.5'>"],
)  # fmt: skip
def test_what_is_no_number_of_the_locale_stays(text):
    assert perturbations.apply("text.locale_format", text, to="de_DE") == text


def test_numbers_and_dates_alone():
    assert perturbations.apply("text.number_format", TEXT, to="de_DE") == TEXT.replace("26.2", "26,2").replace(
        "1,000,000", "1.000.000"
    )
    assert "$1,234.50" in perturbations.apply("text.date_format", TEXT, to="de_DE")
    assert "31.12.2024" in perturbations.apply("text.date_format", TEXT, to="de_DE")


@pytest.mark.parametrize("name", ["text.locale_format", "text.number_format", "text.date_format"])
@pytest.mark.parametrize("which", ["to", "source"])
def test_an_unknown_locale_is_refused(name, which):
    with pytest.raises(InputError, match=rf"{name}: {which} must be a locale as in de_DE, got 'de_XX'. Did you mean"):
        perturbations.apply(name, TEXT, **{"to": "fr_FR", which: "de_XX"})


def test_currency_conversion():
    after = perturbations.apply("text.currency_conversion", "It cost $100, £5 and $1,000.00.", rate="USD>EUR=0.5")
    assert after == "It cost €50.00, £5 and €500.00."
    german = perturbations.apply("text.currency_conversion", "99,90 €", rate="EUR>PLN=4", source="de_DE")
    assert german == "399,60\u00a0PLN"
    for bad in ("USD", "USD>EUR=0", "usd>eur=1", "USD>EUR=-1"):
        with pytest.raises(InputError, match=r"rate must be written like USD>EUR=0\.92"):
            perturbations.apply("text.currency_conversion", "$1", rate=bad)


@pytest.mark.parametrize(
    ("text", "to", "after"),
    [
        ("26.2 miles", "metric", "42.2 kilometers"),
        ("a 12-inch pipe", "metric", "a 30 centimeters pipe"),
        ("75 °F", "metric", "24°C"),
        ("5 kg", "imperial", "11 lb"),
        ("100 kilometres", "imperial", "62.1 miles"),
        ("0 °C", "imperial", "32°F"),
        ("1,000 feet", "metric", "304.8 meters"),
        ("12 in a row, 5 m people", "metric", "12 in a row, 5 m people"),
    ],
)
def test_units(text, to, after):
    assert perturbations.apply("text.unit_system", text, to=to) == after


def test_units_of_another_language():
    assert perturbations.apply("text.unit_system", "10 Meilen", to="metric", source="de_DE") == "16 Kilometer"


@pytest.mark.parametrize(
    ("order", "after"),
    [
        ("family first", "Dr. O'Neil Anna met García Lopez."),
        ("family, given", "Dr. O'Neil, Anna met García Lopez."),
        ("initial", "Dr. A. O'Neil met García Lopez."),
    ],
)
def test_name_order(order, after):
    assert perturbations.apply("text.name_order", "Dr. Anna O'Neil met García Lopez.", order=order) == after


def test_spelled_numbers():
    text = "12 cats, 3.5 dogs, 1,000 birds at 14:30"
    assert perturbations.apply("text.spelled_numbers", text, 5) == (
        "twelve cats, three point five dogs, 1,000 birds at 14:30"
    )
    assert perturbations.apply("text.spelled_numbers", "21 Hunde", 5, language="de") == "einundzwanzig Hunde"


def test_native_digits():
    assert perturbations.apply("text.native_digits", "2025 and ٣, https://a.b/1", digits="deva") == (
        "२०२५ and ३, https://a.b/1"
    )
