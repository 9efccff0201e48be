"""Each sentence of two pages of the docs is shown by a test, named here as ``file::name``, or it fails."""

import ast
import json
import re
from pathlib import Path

import numpy as np
import pytest

import scenarios
import stress
from perturbations import Sample
from stress.data import load_data
from stress.engine import Settings, execute, plan_run
from stress.engine._order import visiting_order
from stress.engine._plan import needs_all_data
from stress.models import load_model
from stress.models._source import source_of
from stress.tasks import Classification, Retrieval, TieBreak

TESTS = Path(__file__).resolve().parent
PROSE = (
    "Read them once:",
    "**A label is one thing, however it is spelled.**",
    "**The order of the columns is the model's.** Say it, in the order of its outputs:",
    "**Vectors as targets.**",
    "**Equal scores are no success.**",
    "**One bad row is one bad record.**",
    "A run folder holds the records of one model on one data set under one suite.",
    "This page says what counts as *the same*, what is done again, and what is refused.",
)
"""What claims nothing that is not claimed beside it."""
ANSWERS = {
    "answers one row for each sample": "answers::what_has_no_row_a_sample_is_refused",
    "on the first 64 clean samples; the lines stand": "page_sentences::how_answers_were_read_stands_in_the_report",
    "`torch.tensor(3)` are class `3`": "labels::a_perfect_model_is_perfect",
    "also with decimals of zero": "labels::one_name_for_every_spelling",
    "in Unicode's composed form": "labels::one_name_for_every_spelling",
    "bytes | their text": "labels::one_name_for_every_spelling",
    "a member of an `Enum`": "labels::enum_members_go_by_name",
    "at midnight the date alone": "labels::a_cell_is_read_as_what_it_is",
    'missing: refused in a target, "no answer"': "labels::missing_is_missing",
    "where every other label is a number": "gaps::beside_numbers_it_is_a_missing_label",
    "any other object | refused, with its line": "labels::a_cell_that_is_no_label_is_refused_with_its_line",
    "become texts in the same way": "labels::ids_groups_and_sequences_that_are_numbers_are_named_as_labels_are",
    "order of the data's labels is taken": "answers::an_assumed_order_is_warned_about_and_a_better_one_is_noticed",
    "not above chance, or would be right": "answers::guessing_is_not_above_chance",
    "probabilities; each row is scaled": "answers::rounded_probabilities_are_probabilities",
    "their softmax is the confidence": "page_sentences::the_softmax_of_logits_is_the_confidence",
    "n labels, or `(n, 1)`": "pages::what_labels_may_be",
    "a row that does not fit it later": "answers::a_row_of_another_form_is_one_bad_record",
    "They are read as logits": "page_sentences::votes_rank_alike_in_any_reading",
    "A softmax keeps the order of a row": "page_sentences::votes_rank_alike_in_any_reading",
    "Divide votes by their number": "page_sentences::votes_rank_alike_in_any_reading",
    "Where the form cannot be seen": "answers::a_model_may_declare_the_form_of_its_answers_itself",
    "say nothing of the form of": "answers::answers_that_are_withheld_say_nothing_of_the_form_of_the_others",
    "Who comes first among them is drawn": "answers::ties_are_drawn_by_seed_and_sample_alone",
    "Constant scores over 20 classes": "answers::constant_scores_are_right_as_often_as_chance",
    "Retrieval ranks in the same way": "page_sentences::retrieval_draws_ties_as_classification_does",
    "averages over equally sure answers": "answers::risk_averages_within_a_tie",
    "or n lists or sets of labels": "answers::two_labels_each_are_lists_of_labels",
    "**multilabel**": "answers::several_labels_in_another_unit_or_width_are_refused",
    "as percentages are, are refused": "answers::several_labels_in_another_unit_or_width_are_refused",
    "of ten, one agreeing person": "tasks::agreement_of_ten_people_is_counted_as_published",
    "number words to ten make no difference": "tasks::what_makes_no_difference_to_a_short_answer",
    "by chrF against the nearest": "tasks::captions_are_compared_as_sacrebleu_compares_them",
    "**transcription**, **free_text**": "tasks::good_answers_score_full_marks",
    "CER counts the spaces": "tasks::word_error_rate_is_torchmetrics",
    "`Transcription(spaces=False)` does not": "tasks::scripts_without_spaces_are_counted_by_character",
    "Lists, tuples, generators": "answers::every_container_of_labels_is_read_alike",
    "what is hidden is no answer": "answers::what_a_mask_hides_is_no_answer",
    "Series, DataFrames, dicts of columns": "answers::every_container_of_scores_is_read_alike",
    "sparse arrays": "answers::every_container_of_scores_is_read_alike",
    "The other rows of the batch are scored": "answers::one_bad_row_is_one_bad_record",
    "Only a wrong number of rows": "answers::a_wrong_number_of_rows_is_asked_again_one_by_one",
    "`crash` is what the model itself raised": "answers::an_error_of_reading_is_not_told_as_the_models",
}
CONTINUING = {
    "what is there is kept": "run::a_killed_run_goes_on_where_it_was",
    "a digest of the syntax of that file": "continuing::what_does_not_run_is_no_part_of_a_models_code",
    "the versions of the installed packages they": "continuing::installed_packages_are_versions_and_imports_are_followed_wherever_they_stand",  # noqa: E501
    "local modules, or have a": "identity::plain_data_of_a_local_module_belong_to_a_function",
    "its code, constants and names": "continuing::callables_that_differ_in_code_or_data_are_others",
    "whose bytes are digested": "continuing::weights_that_a_model_names_are_part_of_it",
    "`predict.weights_hash`, a text": "page_sentences::a_model_says_who_it_is_by_a_text",
    "numbers may move by 0.1 %": "page_sentences::raw_answers_may_move_by_a_thousandth",
    "the settings of its layers belong": "identity::layers_belong_to_a_network_and_not_its_weights_alone",
    "is state and no part of who it is": "continuing::what_a_model_counts_while_it_answers_is_not_who_it_is",
    "Where something cannot be read": "continuing::what_cannot_be_read_is_said",
    "Modules that are named in texts only": "page_sentences::modules_that_texts_name_are_not_seen",
    "with a list of what differs": "continuing::a_mended_model_on_the_command_line",
    '`--accept-model "why"` keeps': "continuing::a_mended_model_on_the_command_line",
    "What differed and why": "continuing::the_ways_out_in_python",
    "each with its whole unit": "continuing::a_mended_model_on_the_command_line",
    "`--keep-failures` keeps them": "continuing::an_error_whose_text_varies_is_the_same_error",
    "Parts that are damaged": "run::a_damaged_part_is_done_again",
    "every page has a checksum": "moments::flipped_bits_are_found_or_harmless",
    "After samples were added": "page_sentences::cells_that_need_all_the_data_are_known",
    "everything, if the classes have changed": "page_sentences::another_class_is_another_question",
    "What was reused and how old it is": "continuing::a_mended_model_on_the_command_line",
    "a digest of each that was looked at": "inputs::a_limit_grows_and_shrinks_and_what_was_looked_at_stays_known",
    "Two runs of the same samples in another order": "continuing::data_in_another_order_go_on_and_can_be_compared",
    "Samples are visited in an order": "page_sentences::any_beginning_of_the_order_has_each_class_in_its_share",
    "**can grow and shrink**": "continuing::a_limit_grows_and_shrinks_over_one_folder",
    "A smaller limit sets the other records aside": "page_sentences::what_a_smaller_limit_sets_aside_comes_back",
    "its file's size and time are compared": "proofs::pictures_that_are_replaced_under_a_run_end_it",
    "is named before the grid": "proofs::a_loader_that_is_not_reproducible_is_named_before_the_grid",
    "prove that they loaded the same": "proofs::workers_prove_that_they_have_the_same_samples",
    "Where a sequence declares its own": "proofs::a_declared_index_is_proved_by_the_ids_that_are_loaded",
    "sees one moment": "moments::a_reader_beside_a_running_and_compacting_run_sees_whole_moments",
    "counts from one rename": "moments::a_kill_at_every_operation_on_files_leaves_a_beginning_of_the_run",
}


def sentences(page):
    """Return the sentences of a page, and the rows of its tables; code is left out."""
    text = re.sub(r"^```.*?^```$", "", (TESTS.parent / "docs" / page).read_text(encoding="utf-8"), flags=re.S | re.M)
    found = []
    for block in filter(None, map(str.strip, re.split(r"\n\s*\n", text))):
        if block.startswith("|"):
            found += [row.strip("| ") for row in block.split("\n")[2:]]
        elif not block.startswith("#"):
            for item in re.split(r"\n(?=- )", block):
                found += re.split(r"(?<=[.:])\*{0,2}\s+(?=[A-Z`*\"(])", " ".join(item.removeprefix("- ").split()))
    return [one for one in found if not any(one.strip("*") in line for line in PROSE)]


def quoted(page):
    """Return what ``test_pages`` quotes of a page beside the code that shows it."""
    found = []
    for node in ast.walk(ast.parse((TESTS / "test_pages.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "said" and node.args[0].value == page:
            found += [" ".join(each.value.split()) for each in node.args[1:]]
    return found


@pytest.mark.parametrize(("page", "shown"), [("answers.md", ANSWERS), ("continuing.md", CONTINUING)])
def test_each_sentence_is_shown_by_a_test(page, shown):
    parts = [*shown, *quoted(page)]
    assert not [one for one in sentences(page) if not any(part in one or one.rstrip(".:;") in part for part in parts)]
    for part, test in shown.items():
        file, _, name = test.partition("::")
        assert any(part in one for one in sentences(page)), part
        assert f"def test_{name}(" in (TESTS / f"test_{file}.py").read_text(encoding="utf-8"), test


def test_the_softmax_of_logits_is_the_confidence():
    logits = np.random.default_rng(0).normal(0, 3, (12, 3))
    task = Classification(tuple("abc")).settle(logits, ["a"] * 12)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert task.answers == "logits"
    assert np.allclose(task.score(logits, ["a"] * 12)["confidence"], shares.max(axis=1))


def test_votes_rank_alike_in_any_reading():
    votes = np.random.default_rng(0).multinomial(25, [0.5, 0.3, 0.2], 40)
    targets = [str(i % 3) for i in range(40)]
    read = Classification(tuple("012")).settle(votes, targets)
    shares = Classification(tuple("012")).settle(votes / 25, targets)
    assert (read.answers, shares.answers) == ("logits", "probabilities")
    one, other = read.score(votes, targets), shares.score(votes / 25, targets)
    for column in ("prediction", "score", "rank"):
        assert list(one[column]) == list(other[column])
    assert not np.allclose(one["confidence"], other["confidence"])
    assert Classification(tuple("012"), answers="logits").settle(votes / 25, targets).answers == "logits"


def test_retrieval_draws_ties_as_classification_does():
    names, level = tuple(f"n{i}" for i in range(20)), np.zeros((50, 20))
    ties, targets = TieBreak(3, [f"s{i}" for i in range(50)]), [f"n{i % 20}" for i in range(50)]
    ranks = list(Retrieval(names).score(level, targets, ties)["rank"])
    assert ranks == list(Classification(names, answers="logits").score(level, targets, ties)["rank"])
    assert len(set(ranks)) > 5


SUITE = {"suite": "s@1", "severities": [1], "scenarios": {"typos": {"text": "keyboard_typos"}}}


def data(labels, start=0):
    return [Sample(f"s{i}", {"text": f"{i} the quick brown fox"}, each) for i, each in enumerate(labels, start)]


class Scaled:
    """A model that names itself, so that only its answers tell what else it is made of."""

    weights_hash = "one"

    def __init__(self, by):
        self.by, self.asked = by, 0

    def __call__(self, batch):
        self.asked += batch.size
        return np.stack([[1.0 + len(text or ""), 2.0] for text in batch["text"]]) * self.by * [1, -1]


def run(out, model, samples, **settings):
    settings = Settings(**{"workers": 1, "preflight": False, **settings})
    return execute(plan_run(model, samples, scenarios.loads(json.dumps(SUITE)), None, settings), out)


def test_how_answers_were_read_stands_in_the_report(tmp_path):
    def predict(batch):
        return np.tile([[0.7, 0.3]], (batch.size, 1))

    predict.classes = ["a", "b"]
    found = stress.run(predict, data(list("ab") * 40), SUITE, tmp_path / "run", workers=1)
    (line,) = (each for each in found.info["preflight"] if each["name"] == "answers")
    assert "64 samples × 2 classes" in line["says"]
    assert line["says"].partition(";")[0] in found.report().read_text(encoding="utf-8")


def test_a_model_says_who_it_is_by_a_text():
    assert load_model(Scaled(1)).weights == "one" == load_model(Scaled(2)).weights


def test_raw_answers_may_move_by_a_thousandth(tmp_path):
    samples = data(list("ab") * 8)
    run(tmp_path, Scaled(1), samples)
    again = run(tmp_path, Scaled(1.0005), samples)
    assert again.reused == again.run.info["units"]
    with pytest.raises(stress.RunError, match="answers"):
        run(tmp_path, Scaled(1.01), samples)


def test_modules_that_texts_name_are_not_seen(tmp_path):
    (tmp_path / "beside.py").write_text("x = 1\n")
    (tmp_path / "main.py").write_text("import importlib\n\nbeside = importlib.import_module('beside')\n")
    assert set(source_of(tmp_path / "main.py")) == {"main.py"}
    (tmp_path / "main.py").write_text("import beside\n")
    assert set(source_of(tmp_path / "main.py")) == {"main.py", "beside"}


def test_cells_that_need_all_the_data_are_known():
    suite = scenarios.loads(
        "suite: s\nseverities: [1]\nscenarios:\n  swapped: {image: wrong_pairing}\n  frozen: {image: frozen}\n"
        "  fitted: {image: attack.universal}\n  noise: {image: gaussian_noise}\n  clouds: {image: fog}\n"
    )
    plan = scenarios.expand(suite, {"image": "image"}, has=frozenset({"data", "target", "sequence"}))
    found = {cell.scenario: needs_all_data(cell) for cell in plan.cells}
    assert found == {
        "clean": False, "swapped": True, "frozen": True, "fitted": True, "noise": False, "clouds": False,
    }  # fmt: skip


def test_another_class_is_another_question(tmp_path):
    def answers(batch):
        return ["a"] * batch.size

    run(tmp_path, answers, data(list("ab") * 8))
    more = run(tmp_path, answers, data(list("ab") * 8 + list("cc")))
    assert more.reused == 0
    assert len(more.run.samples) == 18


def test_any_beginning_of_the_order_has_each_class_in_its_share():
    labels = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    given = load_data(data(labels))
    order = [int(block[0]) for block in visiting_order(given, 5)]
    for count in range(1, 101):
        for name, share in (("a", 0.6), ("b", 0.3), ("c", 0.1)):
            assert abs(sum(labels[i] == name for i in order[:count]) - share * count) <= 1.5
    turned = load_data(data(labels)[::-1])
    assert [turned.ids[int(block[0])] for block in visiting_order(turned, 5)] == [given.ids[i] for i in order]


def test_what_a_smaller_limit_sets_aside_comes_back(tmp_path):
    model, samples = Scaled(1), data(list("ab") * 20)
    whole = run(tmp_path, model, samples).run.records().num_rows
    run(tmp_path, model, samples, limit=5)
    assert list(tmp_path.rglob("aside.parquet"))
    model.asked = 0
    assert run(tmp_path, model, samples).run.records().num_rows == whole
    assert model.asked < 2 * len(samples)  # the first answers, by which the model is known: none of the grid's
