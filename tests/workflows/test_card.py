"""Pictures of the gallery on a Lora's card: chosen, sent clean, kept, taken off again."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from fluxlora_desktop.domain.errors import InputError, ServiceInterrupted
from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import PictureState
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.imaging.workshop import PillowPictureWorkshop
from fluxlora_desktop.workflows.card import MOST_ON_CARD, pictures_of
from fluxlora_desktop.workflows.collect import import_lora_file
from fluxlora_desktop.workflows.publish import look_at_publication, publish_lora, show_on_card
from tests.workflows.conftest import write_lora
from tests.workflows.painted import paint


@pytest.fixture
def fox(bench) -> Lora:
    bench.tools = replace(bench.tools, pictures=PillowPictureWorkshop())
    path = bench.folder / "Red Fox.safetensors"
    write_lora(path)
    lora = import_lora_file(path, "", bench.tools, bench.ctx)
    return publish_lora(lora.id, "", Visibility.PRIVATE, bench.tools, bench.ctx)


@pytest.fixture
def cards(bench):
    """What each commit put on the card: (prompt, path, bytes) of each picture."""
    sent, send = [], bench.hub.publish

    def watch(bundle, ctx):
        sent.append([(p.prompt, p.path, p.path.read_bytes()) for p in bundle.pictures])
        return send(bundle, ctx)

    bench.hub.publish = watch
    return sent


def test_card_shows_the_chosen_pictures_in_their_order_and_is_one_commit(bench, fox, cards):
    for name in ("den", "snow", "moss"):
        paint(bench, name, fox)

    lora = show_on_card(fox.id, ("moss", "den"), bench.tools, bench.ctx)

    assert [[prompt for prompt, _, _ in card] for card in cards] == [["a fox, moss", "a fox, den"]]
    assert lora.publication.pictures == ("moss", "den")
    assert bench.tools.stores.loras.get(fox.id).publication.pictures == ("moss", "den")


def test_pictures_are_sent_without_a_word_about_themselves_and_nothing_is_left_behind(
    bench, fox, cards
):
    paint(bench, "den", fox)
    kept = bench.tools.stores.files.resolve(bench.tools.stores.pictures.get("den").file)
    assert b"a fox" in kept.read_bytes()

    show_on_card(fox.id, ("den",), bench.tools, bench.ctx)

    ((_, copy, data),) = cards[0]
    assert b"a fox" not in data and b"parameters" not in data
    with Image.open(io.BytesIO(data)) as sent, Image.open(kept) as own:
        assert sent.info == {} and sent.tobytes() == own.tobytes()
    assert not copy.parent.exists()


def test_publishing_again_keeps_the_pictures_on_the_card_that_are_still_there(bench, fox, cards):
    for name in ("den", "snow", "moss"):
        paint(bench, name, fox)
    show_on_card(fox.id, ("den", "snow", "moss"), bench.tools, bench.ctx)
    bench.tools.stores.pictures.trash(["snow"])

    publish_lora(fox.id, fox.publication.repo, Visibility.PUBLIC, bench.tools, bench.ctx)
    looked = look_at_publication(fox.id, bench.tools)

    assert [prompt for prompt, _, _ in cards[-1]] == ["a fox, den", "a fox, moss"]
    assert looked.publication.pictures == ("den", "moss")


def test_all_pictures_can_be_taken_off(bench, fox, cards):
    paint(bench, "den", fox)
    show_on_card(fox.id, ("den",), bench.tools, bench.ctx)
    assert show_on_card(fox.id, (), bench.tools, bench.ctx).publication.pictures == ()
    assert cards[-1] == []


def test_card_takes_no_more_than_it_can_show_and_only_of_a_published_lora(bench, fox, cards):
    names = [paint(bench, f"p{number}", fox).id for number in range(MOST_ON_CARD + 1)]
    with pytest.raises(InputError, match="at most 12"):
        show_on_card(fox.id, names, bench.tools, bench.ctx)
    bench.tools.stores.loras.unpublish(fox.id)
    with pytest.raises(InputError, match="not published"):
        show_on_card(fox.id, names[:1], bench.tools, bench.ctx)
    assert cards == []


def test_card_stays_as_it_was_when_the_hub_breaks_off(bench, fox, cards):
    paint(bench, "den", fox)
    bench.hub.trouble = [ServiceInterrupted("huggingface", "cut")]
    with pytest.raises(ServiceInterrupted):
        show_on_card(fox.id, ("den",), bench.tools, bench.ctx)
    assert bench.tools.stores.loras.get(fox.id).publication.pictures == ()


def test_only_finished_pictures_of_the_lora_and_those_on_the_card_are_offered(bench, fox):
    paint(bench, "den", fox)
    paint(bench, "other", None)
    paint(bench, "lost", fox, state=PictureState.FAILED)
    paint(bench, "gone", fox)
    bench.tools.stores.files.resolve(bench.tools.stores.pictures.get("gone").file).unlink()
    paint(bench, "binned", fox)
    bench.tools.stores.pictures.trash(["binned"])
    paint(bench, "snow", fox)

    assert [p.id for p in pictures_of(fox.id, bench.tools)] == ["snow", "den"]
    show_on_card(fox.id, ("other",), bench.tools, bench.ctx)
    assert [p.id for p in pictures_of(fox.id, bench.tools)] == ["snow", "den", "other"]
