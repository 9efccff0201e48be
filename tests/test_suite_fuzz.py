"""Whatever is written in a suite, it is a plan or one SpecError."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from perturbations import SpecError
from scenarios import expand, loads
from tests.little import STREAMS as TRIMODAL

NAMES = ["gaussian_noise", "low_light", "white_noise", "missing", "stream.wrong_pairing", "text.language", "frozen"]
PARAMS = ["severity", "levels", "profile", "key", "sigma", "snr_db", "fill", "partner", "to", "share", "é"]
KEYS = ["image", "audio", "all", "cam", "nowhere", "grid", "severities", "timeline", "fallbacks", "profile", "about"]
VALUES = [
    "product",
    "pairwise",
    "subsets",
    "each",
    "timeline",
    "drop",
    "none",
    "zeros",
    "any",
    "de",
    "*",
    "imagenet-c",
    "",
]
SCALARS = st.one_of(st.sampled_from(VALUES), st.integers(-2, 7), st.floats(), st.booleans(), st.none())
LISTS = st.lists(SCALARS, max_size=3)
MAPPINGS = st.dictionaries(st.sampled_from([*PARAMS, "shape", "from", "bursts", "points"]), SCALARS | LISTS, max_size=3)
STEPS = st.sampled_from(NAMES) | st.builds(
    lambda name, more: {"name": name, **more}, st.sampled_from(NAMES), st.just({}) | MAPPINGS
)
BODIES = st.dictionaries(
    st.sampled_from(KEYS), st.one_of(STEPS, st.lists(STEPS, max_size=3), SCALARS, LISTS, MAPPINGS), max_size=4
)


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b"]), BODIES, max_size=2))
def test_whatever_is_written_is_a_plan_or_a_spec_error(body):
    try:
        plan = expand(loads({"suite": "x@1", "scenarios": body}), {**TRIMODAL, "cam": "image"})
    except SpecError:
        return
    assert plan.cells[0].id == "clean"
    assert len({cell.id for cell in plan.cells}) == len(plan.cells)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab:@1{}[]&*!|>-'\",\n #%~.?\\\t\x00é"), max_size=40))
def test_whatever_text_there_is_it_is_a_spec_error_at_worst(text):
    for whole in (text, f"suite: x@1\nscenarios: {text}", f"suite: x@1\nscenarios:\n  a: {{image: {text}}}"):
        with contextlib.suppress(SpecError):
            loads(whole)
