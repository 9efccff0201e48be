"""The sheet of texts: complete, marked, and safe to open."""

import html.parser

import pytest

import perturbations
from perturbations import InputError
from stress.gallery.text import sheet

OWN_MODEL = {"text.back_translation", "text.paraphrase", "text.translation"}
VOID = {"meta", "br"}


class Reader(html.parser.HTMLParser):
    """Collects what a browser would see, and checks that tags are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.ids, self.open, self.text, self.marks = set(), [], [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.ids += [value for key, value in attributes if key == "id"]
        assert not [key for key, _ in attributes if key.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if "mark" in self.open:
            self.marks.append(data)


def page(tmp_path, **keywords):
    out = tmp_path / "deep" / "sheet.html"
    sheet(out, **keywords)
    return out.read_text(encoding="utf-8")


def test_all_that_needs_no_model_is_shown(tmp_path):
    written = page(tmp_path)
    assert set(Reader(written).ids) == set(perturbations.names("text")) - OWN_MODEL
    assert len(written) < 2_000_000
    assert written == page(tmp_path)
    assert written != page(tmp_path, seed=1)
    for word in ("सोमवार", "ביום", "周一", "월요일"):
        assert word in written


def test_changes_are_marked(tmp_path):
    reader = Reader(page(tmp_path, names=["text.caps_lock"], text="one two"))
    assert {"ONE", "TWO"} <= set("".join(reader.marks).replace("ONETWO", "ONE TWO").split()) | set(reader.marks)
    dropped = page(tmp_path, names=["text.dropped_words"], text="one two three")
    assert "<del title=" in dropped
    unseen = page(tmp_path, names=["text.zero_width"], text="invisible ink")
    assert "<code>" in unseen
    assert "\u200b" not in unseen


@pytest.mark.parametrize(
    "attack",
    ["<script>alert(1)</script>", "' onmouseover='alert(1)", '"><img src=x onerror=alert(1)>', "\u2028</td><b>"],
)
def test_what_is_shown_is_escaped(tmp_path, attack):
    reader = Reader(page(tmp_path, text=f"a {attack} b"))
    assert not reader.tags & {"script", "img", "b", "iframe", "svg"}
    assert any("a " in text for text in reader.text)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"out": "sheet.png"}, "must end in .html"),
        ({"names": ["text.typo"]}, "is not a perturbation"),
        ({"names": ["image.fog"]}, "must be a perturbation of texts|is not a perturbation"),
        ({"text": "\ud800"}, "valid Unicode"),
    ],
)
def test_what_cannot_be_shown(tmp_path, keywords, message):
    with pytest.raises(InputError, match=message):
        sheet(tmp_path / keywords.pop("out", "sheet.html"), **keywords)
