"""Captions, recipe, destination and review: what is typed and chosen is kept and shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from create_ground import Ground, drop, files_mime, open_ground
from fakes import OTHER_TRAINER, TRAINER
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QLabel, QPushButton, QSpinBox, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from fluxlora_desktop.domain.routes import Route
from fluxlora_desktop.domain.training import Preset, Quality, Visibility
from fluxlora_desktop.ui.create.captions import CaptionsStep
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.create.uses import places
from fluxlora_desktop.ui.create.ways import uses_words
from fluxlora_desktop.workflows.plans import Way
from tests.ui.desk_bench import Heard
from tests.ui.seen import seen

LEFT = Qt.MouseButton.LeftButton
ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def ground(qtbot: QtBot, tmp_path: Path) -> Iterator[Ground]:
    with open_ground(qtbot, tmp_path) as made:
        yield made


def captions_of(ground: Ground) -> list[str]:
    return [item.caption for item in ground.now().dataset.photos]


def open_captions(ground: Ground, count: int = 3) -> CaptionsStep:
    ground.fill(count)
    ground.page.go_to(Step.CAPTIONS)
    step = ground.page.captions
    step.list.setCurrentIndex(step.model.index(0))
    return step


def test_captions_begin_with_the_first_photo_whichever_arrived_first(ground: Ground) -> None:
    ground.fill(3)
    ground.draft.move(ground.sha(2), 0)
    ground.page.go_to(Step.CAPTIONS)
    assert ground.page.captions.current() == ground.sha(0)
    ground.page.captions.list.setCurrentIndex(ground.page.captions.model.index(1))
    ground.draft.move(ground.sha(1), 2)
    assert ground.page.captions.current() == ground.sha(2)


def test_caption_is_saved_when_typing_pauses(ground: Ground) -> None:
    step = open_captions(ground)
    ground.qtbot.keyClicks(step.editor, "a fox on grass")
    assert captions_of(ground)[0] == ""
    ground.wait(lambda: captions_of(ground)[0] == "a fox on grass")
    ground.settle()
    kept = ground.stores.datasets.get(ground.now().dataset.id)
    assert kept.photos[0].caption == "a fox on grass"


def test_caption_is_saved_at_once_when_the_step_is_left(ground: Ground) -> None:
    step = open_captions(ground)
    ground.qtbot.keyClicks(step.editor, "in snow")
    ground.qtbot.mouseClick(ground.page.next_button, LEFT)
    assert captions_of(ground)[0] == "in snow"


def test_caption_is_saved_at_once_when_another_page_comes_to_the_front(ground: Ground) -> None:
    step = open_captions(ground)
    ground.qtbot.keyClicks(step.editor, "in snow")
    ground.page.hide()
    assert captions_of(ground)[0] == "in snow"


def test_everything_typed_is_saved_when_a_hidden_page_walks_on(ground: Ground) -> None:
    step = open_captions(ground)
    steps = open_advanced(ground)
    ground.page.go_to(Step.CAPTIONS)
    ground.page.hide()
    ground.qtbot.keyClicks(step.editor, "in snow")
    ground.page.go_to(Step.RECIPE)
    steps.lineEdit().setText("1500")
    ground.page.go_to(Step.REVIEW)
    assert captions_of(ground)[0] == "in snow"
    assert ground.now().plan.parameters == {"steps": 1500}


def test_caption_stays_with_its_photo_when_walking_by_keyboard(ground: Ground) -> None:
    step = open_captions(ground)
    ground.qtbot.keyClicks(step.editor, "first")
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Down, ALT)
    ground.qtbot.keyClicks(step.editor, "second")
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Down, CTRL)
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Down, CTRL)
    assert step.current() == ground.sha(2)
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Up, CTRL)
    assert step.editor.toPlainText() == "second"
    assert captions_of(ground) == ["first", "second", ""]


def test_editor_goes_on_to_another_photo_when_its_own_is_removed(ground: Ground) -> None:
    step = open_captions(ground)
    ground.draft.set_caption(ground.sha(1), "second")
    ground.draft.remove((ground.sha(0),))
    assert step.current() == ground.sha(0)
    assert step.editor.toPlainText() == "second"


def test_typing_is_left_alone_when_the_draft_changes_meanwhile(ground: Ground) -> None:
    step = open_captions(ground)
    ground.qtbot.keyClicks(step.editor, "half a sen")
    ground.draft.set_plan(quality=Quality.QUICK)
    assert step.editor.toPlainText() == "half a sen"
    step.editor.moveCursor(QTextCursor.MoveOperation.End)
    ground.qtbot.keyClicks(step.editor, "tence")
    step.keep()
    assert captions_of(ground)[0] == "half a sentence"


def test_undo_beyond_the_text_takes_back_the_last_step_of_the_draft(ground: Ground) -> None:
    step = open_captions(ground)
    ground.draft.set_caption(ground.sha(0), "written elsewhere")
    assert step.editor.toPlainText() == "written elsewhere"
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Z, CTRL)
    assert captions_of(ground)[0] == ""
    assert step.editor.toPlainText() == ""


def test_undo_in_the_editor_takes_back_the_last_step_also_when_text_was_typed_before(
    ground: Ground,
) -> None:
    step = open_captions(ground)
    ground.qtbot.keyClicks(step.editor, "typed")
    step.keep()
    ground.draft.remove((ground.sha(2),))
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Z, CTRL)
    assert len(ground.names()) == 3
    assert captions_of(ground)[0] == "typed"
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Z, CTRL)
    step.keep()
    assert captions_of(ground)[0] == ""


def test_typing_that_was_taken_back_leaves_no_empty_step(ground: Ground) -> None:
    step = open_captions(ground)
    steps = ground.draft.undo_stack.count()
    ground.qtbot.keyClicks(step.editor, "typed")
    step.keep()
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Z, CTRL)
    step.keep()
    assert ground.draft.undo_stack.count() == steps
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Z, CTRL | SHIFT)
    step.keep()
    assert captions_of(ground)[0] == "typed"


def test_undo_and_redo_show_the_photo_whose_caption_they_change(ground: Ground) -> None:
    step = open_captions(ground)
    ground.qtbot.keyClicks(step.editor, "first")
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Down, CTRL)
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Z, CTRL)
    assert captions_of(ground)[0] == ""
    assert step.current() == ground.sha(0)
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Down, CTRL)
    ground.qtbot.keyClick(step.editor, Qt.Key.Key_Z, CTRL | SHIFT)
    assert captions_of(ground)[0] == "first"
    assert step.current() == ground.sha(0)
    assert step.editor.toPlainText() == "first"


def test_caption_is_saved_while_typing_goes_on_without_a_pause(ground: Ground) -> None:
    step = open_captions(ground)
    while not captions_of(ground)[0]:
        assert len(step.editor.toPlainText()) < 2000
        ground.qtbot.keyClicks(step.editor, "x", delay=20)
    assert step.editor.toPlainText().startswith(captions_of(ground)[0])


def test_files_dropped_on_the_caption_become_photos_and_no_text(ground: Ground) -> None:
    step = open_captions(ground)
    mime = files_mime(ground.make_photo("late.jpg"))
    assert drop(step.editor.viewport(), mime)
    ground.wait(lambda: len(ground.names()) == 4)
    assert captions_of(ground)[0] == ""
    ground.settle()


def test_trigger_word_is_exchanged_in_captions_when_it_is_complete(ground: Ground) -> None:
    step = open_captions(ground)
    ground.draft.set_caption(ground.sha(0), "TOK on a shelf")
    word = step.trigger.word
    word.selectAll()
    ground.qtbot.keyClicks(word, "GLZFOX")
    assert ground.now().dataset.trigger_word == "TOK"
    ground.qtbot.keyClick(word, Qt.Key.Key_Return)
    assert ground.now().dataset.trigger_word == "GLZFOX"
    assert captions_of(ground)[0] == "GLZFOX on a shelf"


def test_trigger_word_is_checked_while_it_is_typed(ground: Ground) -> None:
    step = open_captions(ground)
    word = step.trigger.word
    word.setFocus()
    word.selectAll()
    ground.qtbot.keyClicks(word, "fox")
    assert "already means something" in step.trigger.check.text()
    ground.qtbot.keyClicks(word, "glz")
    assert step.trigger.check.text() == "A good word: short, and new to the base model."


def test_trigger_word_goes_into_every_caption_by_one_click(ground: Ground) -> None:
    step = open_captions(ground)
    ground.draft.set_caption(ground.sha(1), "in snow")
    ground.qtbot.mouseClick(step.trigger.spread, LEFT)
    assert captions_of(ground)[1] == "TOK, in snow"


def test_captions_step_leads_back_when_there_are_no_photos(ground: Ground) -> None:
    ground.page.go_to(Step.CAPTIONS)
    visible = seen(ground.page.captions, QPushButton)
    back = next(b for b in visible if b.text() == "Choose photos first")
    ground.qtbot.mouseClick(back, LEFT)
    assert ground.page.step() is Step.PHOTOS


def test_preset_is_chosen_by_keyboard_and_gives_its_advice(ground: Ground) -> None:
    ground.page.go_to(Step.RECIPE)
    ground.qtbot.keyClick(ground.page.recipe.presets[Preset.FACE], Qt.Key.Key_Space)
    assert ground.now().plan.preset is Preset.FACE
    ground.page.go_to(Step.CAPTIONS)
    advice = ground.page.captions.findChild(QLabel, "caption_advice")
    assert "Leave the face out" in advice.text()


def test_quality_and_visibility_are_chosen_by_mouse(ground: Ground) -> None:
    recipe = ground.page.recipe
    ground.page.go_to(Step.RECIPE)
    ground.qtbot.mouseClick(recipe.quality.choice("thorough"), LEFT)
    ground.qtbot.mouseClick(recipe.visibility.choice("public"), LEFT)
    assert ground.now().plan.quality is Quality.THOROUGH
    assert ground.now().plan.visibility is Visibility.PUBLIC


def choose_goal(ground: Ground, title: str) -> None:
    goal = ground.page.recipe.goal
    goal.setFocus()
    ground.qtbot.keyClick(goal, Qt.Key.Key_Home)
    while goal.currentText() != title:
        ground.qtbot.keyClick(goal, Qt.Key.Key_Down)


def shown_words(widget: QWidget) -> list[str]:
    return [one.text() for one in seen(widget, QLabel)]


def test_goal_leads_to_a_trainer_whose_lora_can_go_there(ground: Ground) -> None:
    ground.page.go_to(Step.RECIPE)
    recipe = ground.page.recipe
    offered = [recipe.goal.itemText(n) for n in range(recipe.goal.count())]
    assert offered == ["Wherever it works", "Replicate", "Together"]
    assert len(recipe.ways.shown()) == 2
    ground.draft.set_plan(parameters={"lora_rank": 32})

    choose_goal(ground, "Together")

    plan = ground.now().plan
    assert (plan.goal, plan.backend, plan.trainer) == ("together", "fal", OTHER_TRAINER.key)
    assert plan.parameters == {}
    (card,) = recipe.ways.shown()
    assert card.isVisible()
    assert [one.isVisible() for one in recipe.ways.cards.values()] == [False, True]
    assert card.accessibleDescription() == "chosen"
    assert any("FLUX.2 trainer at fal" in text for text in shown_words(card))
    choose_goal(ground, "Replicate")
    assert ground.now().plan.trainer == TRAINER.key


def test_goal_that_reads_public_repos_only_offers_to_make_it_public(ground: Ground) -> None:
    ground.page.go_to(Step.RECIPE)
    recipe = ground.page.recipe
    choose_goal(ground, "Together")
    assert any("can only read public repos" in text for text in shown_words(recipe))

    assert recipe.goal_words.publish.isVisible()
    ground.qtbot.mouseClick(recipe.goal_words.publish, LEFT)

    assert ground.now().plan.visibility is Visibility.PUBLIC
    assert not recipe.goal_words.publish.isVisible()
    assert "Works there: FLUX.2-dev." in shown_words(recipe)


def test_goal_out_of_reach_is_said_before_start_and_mended_there(ground: Ground) -> None:
    ground.draft.choose_goal("together")
    ground.draft.set_plan(publish=False, visibility=Visibility.PRIVATE)
    ground.page.go_to(Step.REVIEW)
    goal = ground.page.review.goal_words
    assert (goal.says.property("role"), "not published" in goal.says.text()) == ("warn", True)
    assert goal.publish.isVisible()
    assert goal.publish.text() == "Publish it for everyone"

    ground.qtbot.mouseClick(goal.publish, LEFT)

    plan = ground.now().plan
    assert (plan.publish, plan.visibility) == (True, Visibility.PUBLIC)
    assert goal.says.text() == "Works there: FLUX.2-dev."
    assert goal.says.property("role") == "muted"


def test_lora_that_no_service_could_use_as_planned_is_said_without_a_goal_too(
    ground: Ground,
) -> None:
    ground.draft.choose_way(ground.now().ways[1])
    ground.page.go_to(Step.RECIPE)
    goal = ground.page.recipe.goal_words
    assert goal.says.text() == "As planned, no service could use it."

    ground.qtbot.mouseClick(goal.publish, LEFT)

    assert goal.says.text() == "Will work at Together."


def test_tab_leads_through_the_ways_also_when_others_come(ground: Ground) -> None:
    ground.page.go_to(Step.RECIPE)
    recipe = ground.page.recipe
    for goal in ("together", "", "replicate", ""):
        ground.draft.choose_goal(goal)
        recipe.visibility.choice(Visibility.PUBLIC.value).setFocus()
        for card in (*recipe.ways.shown(), recipe.advanced):
            ground.qtbot.keyClick(ground.page.focusWidget(), Qt.Key.Key_Tab)
            assert ground.page.focusWidget() is card


def test_way_that_stays_on_offer_keeps_the_focus(ground: Ground) -> None:
    ground.page.go_to(Step.RECIPE)
    card = ground.page.recipe.ways.shown()[1]
    card.setFocus()

    ground.draft.choose_goal("together")

    assert ground.page.focusWidget() is card
    assert ground.page.recipe.ways.shown() == [card]


def test_each_way_says_price_time_and_where_its_lora_can_be_used(ground: Ground) -> None:
    ground.page.go_to(Step.RECIPE)
    first, second = ground.page.recipe.ways.shown()

    assert ground.now().ways[1].estimate.high_usd == Decimal("0.0064") * 700
    assert "about $4.48" in shown_words(second)
    assert any(text.endswith(" min") for text in shown_words(first))
    assert "Then usable at Replicate." in shown_words(first)
    assert "When public, usable at Together." in shown_words(second)


@pytest.mark.parametrize(
    ("planned", "public", "words"),
    [
        ("a", "a", "Then usable at A."),
        ("ab", "abc", "Then usable at A and B, when public also at C."),
        ("", "abc", "When public, usable at A, B and C."),
        ("", "", "No service could use the LoRA."),
    ],
)
def test_uses_of_a_way_are_one_sentence(planned: str, public: str, words: str) -> None:
    def routes(works: str) -> tuple[Route, ...]:
        return tuple(Route(key, key.upper(), "m", "M", key in works, "no") for key in "abc")

    estimate = OTHER_TRAINER.price.estimate(1000)
    way = Way("fal", "fal", OTHER_TRAINER, estimate, routes(planned), routes(public))

    assert uses_words(way) == words


@pytest.mark.parametrize(
    ("in_settings", "leads_to"), [(False, ("computer", None)), (True, ("settings", "fal"))]
)
def test_way_that_is_not_ready_leads_to_where_that_is_mended(
    ground: Ground, in_settings: bool, leads_to: tuple[str, object]
) -> None:
    ground.page.go_to(Step.RECIPE)
    went = Heard(ground.page.go)
    estimate = OTHER_TRAINER.price.estimate(1000)
    way = Way("fal", "fal", OTHER_TRAINER, estimate, (), (), True, "It is gone.", in_settings)
    ways = ground.page.recipe.ways
    ways.cards.clear()
    ways.show_ways((way,), way)

    ground.qtbot.mouseClick(ways.shown()[0].mend, Qt.MouseButton.LeftButton)

    assert went.last == leads_to


def test_own_computer_is_a_place_of_its_own_in_a_sentence() -> None:
    assert places({"local": "This computer"}) == "on this computer"
    far = {"a": "A", "local": "This computer", "b": "B"}
    assert places(far) == "on this computer and at A and B"


def test_way_is_taken_by_keyboard_and_changes_by_hand_wait_for_theirs(ground: Ground) -> None:
    ground.page.go_to(Step.RECIPE)
    ground.draft.set_plan(parameters={"steps": 1500})
    first, second = ground.page.recipe.ways.shown()

    ground.qtbot.keyClick(second, Qt.Key.Key_Return)

    plan = ground.now().plan
    assert (plan.backend, plan.trainer, plan.parameters) == ("fal", OTHER_TRAINER.key, {})
    ground.qtbot.keyClick(second, Qt.Key.Key_Return)
    assert ground.now().plan == plan
    priced = ground.now().ways[0].estimate
    ground.qtbot.keyClick(first, Qt.Key.Key_Return)
    assert ground.now().plan.parameters == {"steps": 1500}
    assert ground.now().estimate == priced


def test_steps_go_by_what_the_trainer_takes_and_are_priced_so(ground: Ground) -> None:
    ground.fill(6)
    ground.draft.choose_goal("together")
    steps = open_advanced(ground)
    before = steps.value()

    ground.qtbot.keyClick(steps, Qt.Key.Key_Up)
    assert ground.now().plan.parameters == {"steps": before + 100}
    steps.selectAll()
    ground.qtbot.keyClicks(steps, "1234")
    ground.qtbot.keyClick(steps, Qt.Key.Key_Return)

    assert (steps.value(), ground.now().plan.parameters) == (1200, {"steps": 1200})
    assert ground.now().estimate.high_usd == Decimal("7.68")
    assert "100 to 9,000, in steps of 100" in shown_words(ground.page.recipe.table)


def test_default_caption_must_name_the_trigger_word_while_photos_need_it(ground: Ground) -> None:
    ground.fill(6)
    ground.draft.set_trigger("TOK")
    ground.draft.choose_goal("together")
    ground.draft.set_plan(name="Rusty", rights_confirmed=True)
    assert ground.now().problem == ""

    for typed, reason in (("", "need one"), ("a photo of a fox", "trigger word TOK")):
        ground.draft.set_plan(parameters={"default_caption": typed})
        assert reason in ground.now().problem
        assert ground.now().problem_field == "default_caption"
    ground.draft.set_plan(parameters={"default_caption": "a photo of TOK"})
    assert ground.now().problem == ""
    ground.draft.set_trigger("OHWX", in_captions=True)

    assert ground.now().plan.parameters == {"default_caption": "a photo of OHWX"}
    assert ground.now().problem == ""
    ground.draft.choose_goal("replicate")
    ground.draft.set_trigger("GLZFOX", in_captions=True)
    ground.draft.choose_goal("together")
    assert ground.now().plan.parameters == {"default_caption": "a photo of GLZFOX"}


def test_trouble_with_a_parameter_is_said_while_other_things_are_missing(ground: Ground) -> None:
    ground.draft.choose_goal("together")
    ground.draft.set_plan(parameters={"steps": 150})

    draft = ground.now()
    assert draft.problem_field != "steps"
    assert draft.troubles == {"steps": "a multiple of 100"}


def test_caption_that_stands_in_for_missing_ones_is_said(ground: Ground) -> None:
    ground.fill(6)
    ground.draft.set_trigger("TOK mug")
    ground.draft.choose_goal("together")
    ground.page.go_to(Step.CAPTIONS)

    words = ground.page.captions.findChild(QLabel, "caption_empty_ones").text()
    assert words == "Captions you leave empty are set to “a photo of TOK mug”."
    ground.page.go_to(Step.REVIEW)
    assert ground.page.review.text("captions") == "All set to “a photo of TOK mug”"
    assert ground.page.review.text("to") == "fal, with FLUX.2 trainer"


def open_advanced(ground: Ground) -> QSpinBox:
    ground.page.go_to(Step.RECIPE)
    ground.qtbot.mouseClick(ground.page.recipe.advanced, LEFT)
    (steps,) = seen(ground.page, QSpinBox, "parameter_steps")
    return steps


def test_parameter_is_kept_when_typed_and_goes_back_to_the_recipe(ground: Ground) -> None:
    steps = open_advanced(ground)
    recommended = steps.value()
    steps.selectAll()
    ground.qtbot.keyClicks(steps, "1500")
    ground.qtbot.keyClick(steps, Qt.Key.Key_Return)
    assert ground.now().plan.parameters == {"steps": 1500}
    back = ground.page.findChild(QToolButton, "reset_steps")
    ground.qtbot.mouseClick(back, LEFT)
    assert ground.now().plan.parameters == {}
    assert steps.value() == recommended
    assert back.isHidden()


def test_parameter_typed_half_counts_when_the_step_is_left(ground: Ground) -> None:
    steps = open_advanced(ground)
    steps.selectAll()
    ground.qtbot.keyClicks(steps, "1500")
    ground.qtbot.mouseClick(ground.page.next_button, LEFT)
    assert ground.now().plan.parameters == {"steps": 1500}


def test_parameter_out_of_range_is_said_at_its_field(ground: Ground) -> None:
    ground.fill(5)
    ground.draft.set_plan(name="Rusty", rights_confirmed=True, parameters={"lora_rank": 500})
    open_advanced(ground)
    says = [one.text() for one in ground.page.recipe.table.findChildren(QLabel)]
    assert "Not possible: at most 128." in says


def test_name_fills_the_repo_until_that_is_edited_by_hand(ground: Ground) -> None:
    ground.page.go_to(Step.DESTINATION)
    step = ground.page.destination
    ground.qtbot.keyClicks(step.name, "Rusty the Fox")
    step.keep()
    assert step.repo.text() == "rusty-the-fox"
    assert ground.now().plan.repo == ""
    step.repo.selectAll()
    ground.qtbot.keyClicks(step.repo, "My Fox!")
    step.keep()
    assert ground.now().plan.repo == "My Fox!"
    check = step.findChild(QLabel, "repo_check")
    assert check.text() == "It will be called my-fox, under your account."
    ground.qtbot.keyClicks(step.name, " again")
    step.keep()
    assert step.repo.text() == "My Fox!"


def test_repo_follows_the_name_again_when_it_is_emptied(ground: Ground) -> None:
    ground.draft.set_plan(name="Rusty", repo="other")
    ground.page.go_to(Step.DESTINATION)
    step = ground.page.destination
    step.repo.selectAll()
    ground.qtbot.keyClick(step.repo, Qt.Key.Key_Delete)
    step.keep()
    assert step.repo.text() == "rusty"
    ground.qtbot.keyClicks(step.repo, "x")
    ground.qtbot.keyClick(step.repo, Qt.Key.Key_Backspace)
    step.keep()
    assert ground.now().plan.repo == ""


def test_destination_tells_where_the_lora_can_be_used(ground: Ground) -> None:
    ground.draft.set_plan(name="Rusty")
    ground.page.go_to(Step.DESTINATION)
    uses = ground.page.destination.uses.findChildren(QLabel)
    says = [one.text() for one in uses]
    assert "Works there: its own model." in says
    assert "Rusty is for FLUX.1-dev; FLUX.2-dev takes those for FLUX.2-dev." in says
    assert "your choice" not in says

    ground.draft.set_plan(goal="together")

    lines = ground.page.destination.uses.findChildren(QWidget)
    names = [one.accessibleName() for one in lines]
    assert any(name.startswith("Together, your choice: no.") for name in names)


def test_review_says_what_happens_in_words(ground: Ground) -> None:
    ground.fill(6)
    ground.draft.set_caption(ground.sha(0), "in snow")
    ground.draft.set_plan(name="Rusty", preset=Preset.QUICK)
    ground.page.go_to(Step.REVIEW)
    review = ground.page.review
    assert re.fullmatch(
        r"6 photos, about [\d.]+ [KM]B, metadata removed, upright, sRGB", review.text("uploaded")
    )
    assert review.text("to") == "Replicate, with FLUX LoRA trainer"
    assert review.text("training") == "Quick test, 400 steps on FLUX.1-dev, trigger word TOK"
    assert review.text("captions") == "1 of yours, the other 5 written by the trainer"
    assert review.text("result").endswith("published to Hugging Face as rusty, private")
    assert "non-commercial" in review.findChild(QLabel, "licence").text()
    ground.page.go_to(Step.DESTINATION)
    ground.page.destination.publish.click()
    ground.page.go_to(Step.REVIEW)
    assert review.text("result").endswith("not published")


def test_rights_question_is_kept_when_answered(ground: Ground) -> None:
    ground.page.go_to(Step.REVIEW)
    ground.qtbot.keyClick(ground.page.review.rights, Qt.Key.Key_Space)
    assert ground.now().plan.rights_confirmed
    ground.settle()
    assert ground.stores.runs.drafts()[0].plan.rights_confirmed


def test_findings_follow_the_trainer_that_is_chosen(ground: Ground) -> None:
    """The practice photos are JPEGs; the second trainer of the bench reads PNG alone."""
    ground.fill(5)
    found = []
    for way in (ground.now().ways[1], ground.now().ways[0]):
        ground.draft.choose_way(way)
        ground.settle()
        found.append(
            [finding.says for finding in ground.now().findings if finding.what == "format"]
        )

    assert found == [
        [
            "FLUX.2 trainer would pass over 5 photos as they are (JPEG). "
            "They are sent as JPEG, so nothing is lost."
        ],
        [],
    ]
