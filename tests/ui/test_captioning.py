"""The panel for automatic captions over a real library, real jobs and a captioner that plays."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from desk_fixtures import nameless
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from fluxlora_desktop.backends.registry import build_services
from fluxlora_desktop.domain.captioning import CAPTION_PROMPTS, FREE, Choice
from fluxlora_desktop.domain.errors import (
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceRefused,
    TokenMissing,
)
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.domain.spending import Agreement
from fluxlora_desktop.domain.training import Preset
from fluxlora_desktop.practice.services import PracticeServices
from fluxlora_desktop.system.settings import Settings
from fluxlora_desktop.ui.create.caption_choices import CaptionChoices
from fluxlora_desktop.ui.create.caption_dialogs import WrittenDialog
from fluxlora_desktop.ui.create.page import CreatePage
from fluxlora_desktop.ui.create.steps import Step
from fluxlora_desktop.ui.create.writing import WritingPanel
from fluxlora_desktop.ui.desks.base import OverLimit
from fluxlora_desktop.ui.desks.captioning import CaptioningDesk
from fluxlora_desktop.ui.desks.draft import DraftDesk
from fluxlora_desktop.ui.desks.runs import RunDesk
from fluxlora_desktop.workflows.captioning import keep_trainer_captions
from fluxlora_desktop.workflows.launch import start_run
from tests.ui.desk_bench import DeskBench, Heard
from tests.workflows.fakes import FakeCaptioner

SEES = "Qwen/Qwen2.5-VL-72B-Instruct"


@dataclass
class Studio:
    """The Captions step with its panel open."""

    qtbot: QtBot
    bench: DeskBench
    page: CreatePage
    draft: DraftDesk
    desk: CaptioningDesk
    choices: CaptionChoices
    captioner: FakeCaptioner
    own: FakeCaptioner
    told: Heard
    gone: list[tuple[str, object]] = field(default_factory=list)

    @property
    def panel(self) -> WritingPanel:
        assert self.page.captions.writing is not None
        return self.page.captions.writing

    def captions(self) -> list[str]:
        return [item.caption for item in self.draft.draft().dataset.photos]

    def stored(self) -> list[str]:
        dataset = self.bench.tools.stores.datasets.get(self.draft.draft().dataset.id)
        return [item.caption for item in dataset.photos]

    def sha(self, place: int) -> str:
        return self.draft.draft().dataset.hashes()[place]

    def rest(self) -> None:
        self.qtbot.waitUntil(lambda: self.bench.jobs.live() == 0)

    def click(self, widget: object) -> None:
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def write(self) -> None:
        """Press the button and wait until nothing goes on."""
        self.click(self.panel.write_button)
        self.rest()


def open_studio(
    qtbot: QtBot, bench: DeskBench, captioners: tuple[object, ...], choices: CaptionChoices
) -> Studio:
    services = replace(bench.tools.services, captioners=captioners)
    tools = replace(bench.tools, services=services)
    draft, runs = DraftDesk(tools, bench.jobs, bench.owner), RunDesk(tools, bench.jobs, bench.owner)
    desk = CaptioningDesk(tools, bench.jobs, draft, bench.secrets, bench.owner)
    page = CreatePage(
        draft=draft, runs=runs, jobs=bench.jobs, captioning=desk, caption_choices=choices
    )
    qtbot.addWidget(page)
    first, second = (*captioners, *captioners)[:2]
    studio = Studio(qtbot, bench, page, draft, desk, choices, first, second, Heard(desk.failed))
    page.go.connect(lambda name, what: studio.gone.append((name, what)))
    page.resize(1000, 760)
    page.show()
    draft.load()
    studio.rest()
    draft.add_files(
        [bench.photo(f"{n}.jpg", caption="TOK mine" if n == 3 else "") for n in (1, 2, 3)]
    )
    studio.rest()
    page.go_to(Step.CAPTIONS)
    page.captions.show_writing()
    studio.rest()
    return studio


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DeskBench]:
    with DeskBench(tmp_path) as made:
        yield made


@pytest.fixture
def studio(qtbot: QtBot, bench: DeskBench) -> Studio:
    own = FakeCaptioner(
        key="own_captioner", title="Your own address", takes_address=True, price=FREE
    )
    return open_studio(qtbot, bench, (FakeCaptioner(), own), CaptionChoices())


def test_captions_that_are_missing_are_written_and_saved(studio: Studio) -> None:
    assert studio.panel.write_button.text() == "Write 2 captions"
    assert "$" in studio.panel.price.text()

    studio.write()

    assert studio.captions() == ["TOK, a fox, side 1", "TOK, a fox, side 2", "TOK mine"]
    assert studio.stored() == studio.captions()
    assert studio.panel.progress.words.text() == "2 captions written."
    assert "TOK" in studio.captioner.asked[0].prompt


def test_one_undo_takes_the_whole_order_back_and_redo_brings_it_again(studio: Studio) -> None:
    steps = studio.draft.undo_stack.count()
    studio.write()
    written = studio.captions()

    assert studio.draft.undo_stack.count() == steps + 1
    studio.draft.undo_stack.undo()
    studio.rest()
    assert studio.captions() == ["", "", "TOK mine"] == studio.stored()
    studio.draft.undo_stack.redo()
    studio.rest()
    assert studio.captions() == written == studio.stored()


def test_order_stays_one_step_when_a_person_works_on_meanwhile(
    qtbot: QtBot, studio: Studio
) -> None:
    gate = hold(studio)
    studio.click(studio.panel.write_button)
    gate.pass_one()
    qtbot.waitUntil(lambda: studio.captions()[0] != "")
    studio.draft.set_caption(studio.sha(2), "TOK mine, changed")
    gate.open()
    studio.rest()

    studio.draft.undo_stack.undo()
    assert studio.captions() == ["TOK, a fox, side 1", "TOK, a fox, side 2", "TOK mine"]
    studio.draft.undo_stack.undo()
    studio.rest()
    assert studio.captions() == ["", "", "TOK mine"] == studio.stored()


def test_photo_taken_out_and_back_keeps_what_was_written_meanwhile(
    qtbot: QtBot, studio: Studio
) -> None:
    gate = hold(studio)
    studio.click(studio.panel.write_button)
    gate.pass_one()
    qtbot.waitUntil(lambda: studio.captions()[0] != "")
    studio.draft.remove([studio.sha(2)])
    gate.open()
    studio.rest()
    studio.draft.undo_stack.undo()
    studio.rest()

    assert studio.captions() == ["TOK, a fox, side 1", "TOK, a fox, side 2", "TOK mine"]
    assert studio.stored() == studio.captions()


def test_words_typed_meanwhile_stay(qtbot: QtBot, studio: Studio) -> None:
    gate = hold(studio)
    studio.click(studio.panel.write_button)
    qtbot.waitUntil(lambda: len(studio.captioner.asked) == 1)
    studio.draft.set_caption(studio.sha(0), "my own words")
    gate.open()
    studio.rest()

    assert studio.captions() == ["my own words", "TOK, a fox, side 2", "TOK mine"]
    assert studio.stored() == studio.captions()
    assert "words that you wrote meanwhile" in studio.panel.progress.words.text()


def test_stop_keeps_what_is_written_and_sends_no_more(qtbot: QtBot, studio: Studio) -> None:
    gate = hold(studio)
    studio.click(studio.panel.write_button)
    qtbot.waitUntil(lambda: len(studio.captioner.asked) == 1)
    qtbot.waitUntil(lambda: studio.panel.progress.words.text().startswith("1 of 2: "))
    studio.click(studio.panel.progress.stop_button)
    gate.open()
    studio.rest()

    assert studio.captions()[:2] == ["TOK, a fox, side 1", ""]
    assert len(studio.captioner.asked) == 1
    assert "You stopped it: 1 photo not sent" in studio.panel.progress.words.text()


def test_own_words_are_replaced_only_after_that_was_ticked(studio: Studio) -> None:
    studio.click(studio.panel.photos.choices.choice(Choice.ALL))

    assert not studio.panel.write_button.isEnabled()
    assert "Replace 1 caption" in studio.panel.photos.replacing.text()
    assert "First tick" in studio.panel.basis.text()
    studio.panel.photos.replacing.setChecked(True)
    assert studio.panel.write_button.text() == "Write 2 and replace 1 caption"
    studio.write()

    assert studio.captions()[2] == "TOK, a fox, side 3"
    studio.draft.undo_stack.undo()
    assert studio.captions() == ["", "", "TOK mine"]


def test_only_selected_photos_are_written(studio: Studio) -> None:
    listed = studio.page.captions.list
    listed.setCurrentIndex(listed.model().index(1, 0))
    studio.click(studio.panel.photos.choices.choice(Choice.SELECTED))
    studio.write()

    assert studio.captions() == ["", "TOK, a fox, side 1", "TOK mine"]


def test_photos_that_failed_are_named_with_the_reason_and_can_be_tried_again(
    studio: Studio,
) -> None:
    studio.captioner.replies = [
        ServiceRefused("together", "blocked", status=422),
        OutcomeUnknown("together", "cut"),
    ]
    studio.write()

    progress = studio.panel.progress
    said = [part.text() for part in progress.findChildren(type(progress.words))]
    assert any("blocked" in words and "Nothing was charged" in words for words in said)
    assert any("may have been charged" in words for words in said)
    assert "1 earlier answer was lost" in studio.panel.lost.text()
    assert progress.again_button.text() == "Try these 2 again"
    studio.click(progress.again_button)
    studio.rest()
    assert studio.captions()[:2] == ["TOK, a fox, side 3", "TOK, a fox, side 4"]
    assert studio.panel.lost.isHidden()


def test_account_without_credit_ends_the_order_with_its_button(studio: Studio) -> None:
    pages = Heard(studio.panel.page_wanted)
    studio.captioner.replies = [PaymentRequired("together", "no credit")]
    studio.write()

    progress = studio.panel.progress
    assert "It ended early: 1 photo not sent" in progress.words.text()
    assert progress.lead.text() == "Open billing"
    studio.click(progress.lead)
    assert str(pages.last).startswith("https://")


def test_wait_is_counted_down_in_words(qtbot: QtBot, studio: Studio) -> None:
    studio.captioner.replies = [ServiceBusy("together", retry_after=900.0)]
    studio.click(studio.panel.write_button)
    waits = re.compile(r"asks to wait .*(15:00|14:\d\d)")  # it counts while the window is busy
    qtbot.waitUntil(lambda: bool(waits.search(studio.panel.progress.wait.text())))
    studio.click(studio.panel.progress.stop_button)
    studio.rest()

    assert studio.captions() == ["", "", "TOK mine"]


def test_service_without_an_account_says_so_and_leads_to_it(studio: Studio) -> None:
    studio.captioner.trouble = TokenMissing("together")
    studio.click(studio.panel.writer.ask)
    studio.rest()

    assert studio.panel.writer.trouble.text() == "Together is not connected."
    assert not studio.panel.write_button.isEnabled()
    studio.click(studio.panel.writer.lead)
    assert studio.gone == [("settings", "together")]


def test_own_address_is_checked_kept_and_free(studio: Studio) -> None:
    choose(studio, 1)
    writer = studio.panel.writer
    assert writer.address.isVisible() and writer.key.isVisible()
    type_into(studio, writer.address, "http://example.org/v1")
    assert "https" in writer.trouble.text()
    assert not studio.panel.write_button.isEnabled()
    type_into(studio, writer.address, "http://127.0.0.1:11434/v1/")
    studio.rest()

    assert studio.choices.address == "http://127.0.0.1:11434/v1"
    assert studio.panel.price.text().startswith("Free")
    studio.write()
    assert len(studio.own.asked) == 2 and not studio.captioner.asked
    assert studio.bench.tools.stores.ledger.charges() == ()


def test_key_of_ones_own_server_goes_to_the_password_store_under_its_own_name(
    studio: Studio,
) -> None:
    choose(studio, 1)
    studio.panel.writer.key.setText("sk-own")
    studio.click(studio.panel.writer.keep_key)
    studio.rest()

    assert studio.bench.secrets.get("own_captioner") == Secret("sk-own")
    assert studio.panel.writer.key.text() == ""
    studio.click(studio.panel.writer.keep_key)
    studio.rest()
    assert studio.bench.secrets.get("own_captioner") is None


def test_token_of_a_service_is_not_kept_as_the_key_of_another(studio: Studio) -> None:
    choose(studio, 1)
    studio.panel.writer.key.setText("hf_" + "aB3" * 12)
    studio.click(studio.panel.writer.keep_key)
    studio.rest()

    assert studio.bench.secrets.get("own_captioner") is None
    assert "Hugging Face" in str(studio.told.last)


def test_prompt_is_kept_for_its_preset_and_reset(studio: Studio) -> None:
    text = studio.panel.prompt.text
    assert text.toPlainText() == CAPTION_PROMPTS[Preset.OBJECT]
    text.setPlainText("Only the place, of {trigger}.")
    studio.draft.set_plan(preset=Preset.STYLE)
    assert text.toPlainText() == CAPTION_PROMPTS[Preset.STYLE]
    studio.draft.set_plan(preset=Preset.OBJECT)
    assert text.toPlainText() == "Only the place, of {trigger}."
    studio.write()
    assert studio.captioner.asked[0].prompt == "Only the place, of TOK."

    studio.click(studio.panel.prompt.reset)
    assert text.toPlainText() == CAPTION_PROMPTS[Preset.OBJECT]
    assert studio.choices.prompt(Preset.OBJECT) == CAPTION_PROMPTS[Preset.OBJECT]


def test_model_may_be_typed(studio: Studio) -> None:
    studio.panel.writer.model.setEditText("my/model")
    assert "not known" in studio.panel.price.text()
    studio.write()

    assert {asked.model for asked in studio.captioner.asked} == {"my/model"}
    assert studio.choices.model("together") == "my/model"


def test_prompt_with_a_token_is_refused_and_nothing_is_sent(studio: Studio) -> None:
    studio.panel.prompt.text.setPlainText("use r8_" + "aB3" * 12)
    studio.write()

    assert studio.captioner.asked == []
    assert "token" in str(studio.told.last)


def test_panel_is_used_by_keyboard_and_every_field_has_a_name(qtbot: QtBot, studio: Studio) -> None:
    assert nameless(studio.panel) == []
    choose(studio, 1)
    assert nameless(studio.panel) == []
    studio.panel.write_button.setFocus()
    qtbot.keyClick(studio.panel.write_button, Qt.Key.Key_Space)
    studio.rest()
    assert studio.captions()[0]
    qtbot.keyClick(studio.panel, Qt.Key.Key_Escape)
    assert studio.page.captions.editor.isVisible()


def test_captions_of_a_trainer_come_back_for_photos_that_have_none(studio: Studio) -> None:
    run = studio.draft.draft().run
    tools = studio.desk.tools
    studio.draft.set_plan(name="Fox", rights_confirmed=True)
    studio.draft.add_files([studio.bench.photo(f"more {n}.jpg") for n in range(3)])
    studio.rest()
    start_run(run.id, tools)
    finished = finish(tools, run.id)
    found = [(f"img_{place:03d}", f"a photo of TOK, {place}") for place in range(6)]
    keep_trainer_captions(finished, found, tools)
    kept = dict(zip(studio.draft.draft().dataset.hashes(), range(6), strict=True))
    studio.draft.load_next()
    studio.rest()
    studio.draft.add_files([studio.bench.inbox / f"{n}.jpg" for n in (1, 2, 3)])
    studio.rest()
    studio.draft.set_caption(studio.sha(1), "TOK written anew")
    studio.page.captions.show_writing()
    studio.rest()

    words = "Use 2 captions that a trainer wrote in an earlier run, free…"
    assert studio.panel.trainers.text() == words
    studio.click(studio.panel.trainers)
    dialog = studio.page.captions.tools.dialog
    assert isinstance(dialog, WrittenDialog)
    studio.click(dialog.apply_button)
    studio.rest()

    place = kept[studio.sha(0)]
    assert studio.captions() == [f"a photo of TOK, {place}", "TOK written anew", "TOK mine"]
    assert studio.stored() == studio.captions()
    studio.draft.set_caption(studio.sha(1), f"a photo of TOK, {kept[studio.sha(1)]}")
    studio.rest()
    assert studio.panel.trainers.isHidden()


def test_practice_captioner_describes_the_photos(
    qtbot: QtBot, bench: DeskBench, tmp_path: Path
) -> None:
    with PracticeServices(state_dir=tmp_path / "cloud") as cloud:
        services = build_services(
            addresses={"together": cloud.together.url},
            secret_for=lambda _key: Secret(cloud.together.token),
        )
        studio = open_studio(qtbot, bench, tuple(services.captioners), CaptionChoices())
        assert studio.panel.writer.chosen_model() == SEES
        studio.write()

        assert all(words.startswith("TOK, a") for words in studio.captions()[:2])
        asked = cloud.together.ledger.entries("caption")
        assert [entry.facts["metadata"] for entry in asked] == [[], []]
        charged = sum(charge.amount_usd for charge in bench.tools.stores.ledger.charges())
        assert float(charged) == pytest.approx(sum(e.charged_usd for e in asked), abs=1e-5)


def test_choices_outlive_the_app_and_hold_no_key(tmp_path: Path) -> None:
    file = tmp_path / "settings.ini"
    settings = Settings(file=file)
    choices = CaptionChoices(settings.captions, settings.set_captions)
    choices.set_address("http://127.0.0.1:1/v1")
    choices.set_captioner("own_captioner")
    choices.set_model("own_captioner", "llava")
    choices.set_prompt(Preset.FACE, "Only clothes.")
    settings.save()

    again = Settings(file=file)
    read = CaptionChoices(again.captions, again.set_captions)
    assert (read.address, read.captioner) == ("http://127.0.0.1:1/v1", "own_captioner")
    assert read.model("own_captioner") == "llava"
    assert read.prompt(Preset.FACE) == "Only clothes."
    assert read.prompt(Preset.STYLE) == CAPTION_PROMPTS[Preset.STYLE]


class Gate:
    """Holds requests at the service until they may pass."""

    def __init__(self) -> None:
        self._passes = threading.Semaphore(0)

    def __call__(self) -> None:
        assert self._passes.acquire(timeout=20)

    def pass_one(self) -> None:
        self._passes.release()

    def open(self) -> None:
        self._passes.release(1000)


def hold(studio: Studio) -> Gate:
    studio.captioner.while_writing = gate = Gate()
    return gate


def choose(studio: Studio, place: int) -> None:
    who = studio.panel.writer.who
    who.setCurrentIndex(place)
    who.activated.emit(place)
    studio.rest()


def type_into(studio: Studio, edit: object, text: str) -> None:
    edit.setText(text)
    edit.editingFinished.emit()


def finish(tools: object, run_id: str) -> object:
    """Walk a started run to its end, as a training at the service would."""
    from fluxlora_desktop.domain.runs import RunState

    states = ("UPLOADING", "LAUNCHING", "QUEUED", "TRAINING", "COLLECTING", "READY")
    runs = tools.stores.runs
    version = tools.stores.datasets.freeze(runs.get(run_id).dataset_id, ())
    for state in states:
        runs.advance(run_id, RunState[state])
    return runs.update(run_id, version_id=version.id)


def test_order_past_the_monthly_limit_asks_and_writes_with_a_yes(studio: Studio) -> None:
    studio.desk.tools.budget.set_limit(Decimal(0))
    asked = Heard(studio.desk.over_limit)

    studio.write()

    assert studio.captioner.asked == []
    assert studio.told.all == []
    assert "2 photos not sent, nothing charged for it." in studio.panel.progress.words.text()
    (question,) = asked.all
    assert isinstance(question, OverLimit)
    question.go_on(Agreement(question.error.reach))
    studio.rest()
    assert studio.captions()[:2] == ["TOK, a fox, side 1", "TOK, a fox, side 2"]
