"""Publishing: one commit, proven by reading back, with a card that says what is true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fluxlora_desktop.domain.errors import InputError, ScopeMissing, UnexpectedReply
from fluxlora_desktop.domain.loras import HubStatus, Lora, PublicationStatus
from fluxlora_desktop.domain.training import Visibility
from fluxlora_desktop.workflows.carry import carry_run
from fluxlora_desktop.workflows.collect import import_lora_file
from fluxlora_desktop.workflows.launch import start_run
from fluxlora_desktop.workflows.publish import (
    change_visibility,
    look_at_publication,
    publish_lora,
    withdraw_publication,
)
from tests.workflows.conftest import Bench, write_lora

PRIVATE, PUBLIC = Visibility.PRIVATE, Visibility.PUBLIC


def imported(bench: Bench) -> Lora:
    path = bench.folder / "Red Fox.safetensors"
    write_lora(path)
    return import_lora_file(path, "", bench.tools, bench.ctx)


def trained(bench: Bench) -> Lora:
    run = start_run(bench.draft(publish=False).id, bench.tools)
    return bench.tools.stores.loras.get(carry_run(run.id, bench.tools, bench.ctx).lora_id)


def publish(bench: Bench, lora: Lora, repo: str = "", visibility=PRIVATE) -> Lora:
    return publish_lora(lora.id, repo, visibility, bench.tools, bench.ctx)


@pytest.fixture
def bundles(bench):
    """What was sent to the hub, in order."""
    sent, send = [], bench.hub.publish

    def watch(bundle, ctx):
        sent.append(bundle)
        return send(bundle, ctx)

    bench.hub.publish = watch
    return sent


@pytest.mark.parametrize(
    ("repo", "name"),
    [
        ("", "tester/red-fox"),
        ("My Fox", "tester/my-fox"),
        ("friends/their-fox", "friends/their-fox"),
    ],
)
def test_repo_is_named_under_the_tokens_owner_unless_one_is_given(bench, repo, name):
    assert publish(bench, imported(bench), repo).publication.repo == name


def test_publication_is_kept_when_the_hub_holds_the_same_bytes(bench):
    lora = imported(bench)
    publication = publish(bench, lora).publication
    assert publication.status is PublicationStatus.VERIFIED
    assert publication.sha256 == lora.sha256
    assert publication.commit == "c" * 40
    assert bench.tools.stores.loras.get(lora.id).publication == publication


def test_other_bytes_at_the_hub_are_no_publication(bench):
    lora = imported(bench)
    bench.hub.corrupt = True
    with pytest.raises(UnexpectedReply) as refused:
        publish(bench, lora)
    assert "SHA-256" in refused.value.where
    assert bench.tools.stores.loras.get(lora.id).publication is None


def test_refused_publication_leaves_nothing_behind(bench):
    lora = imported(bench)
    bench.hub.trouble = [ScopeMissing("huggingface", "repo.write")]
    with pytest.raises(ScopeMissing):
        publish(bench, lora)
    assert bench.tools.stores.loras.get(lora.id).publication is None


def test_visibility_is_what_the_hub_says_not_what_was_asked(bench):
    lora = imported(bench)
    status = bench.hub.status

    def stubborn(repo):
        return replace(status(repo), visibility=PRIVATE)

    bench.hub.status = stubborn
    assert publish(bench, lora, visibility=PUBLIC).publication.visibility is PRIVATE


def test_card_of_a_trained_lora_tells_how_it_was_trained(bench, bundles):
    publish(bench, trained(bench))
    (bundle,) = bundles
    assert bundle.card.base.key == "flux.1-dev"
    assert bundle.card.trained_with == "Fake trainer at Replicate"
    assert dict(bundle.card.parameters)["steps"]
    assert bundle.card.photo_count == 6
    assert bundle.card.rights_confirmed


def test_card_of_an_imported_lora_claims_nothing_of_its_training(bench, bundles):
    publish(bench, imported(bench))
    (bundle,) = bundles
    assert bundle.card.trained_with == ""
    assert bundle.card.parameters == ()
    assert not bundle.card.rights_confirmed


def test_lora_of_no_known_base_is_not_published(bench, bundles):
    lora = imported(bench)
    bench.tools.stores.loras.update(lora.id, base="sdxl")
    with pytest.raises(InputError):
        publish(bench, lora)
    assert bundles == []


def test_publishing_again_takes_the_place_of_the_old_publication(bench):
    lora = imported(bench)
    publish(bench, lora, "one")
    assert publish(bench, lora, "two", PUBLIC).publication.repo == "tester/two"
    assert bench.tools.stores.loras.get(lora.id).publication.public


@pytest.mark.parametrize("visibility", [PUBLIC, PRIVATE])
def test_changed_visibility_is_read_back(bench, visibility):
    lora = publish(bench, imported(bench))
    changed = change_visibility(lora.id, visibility, bench.tools)
    assert bench.hub.repos[lora.publication.repo].visibility is visibility
    assert changed.publication.visibility is visibility
    assert changed.publication.status is PublicationStatus.VERIFIED


def test_look_finds_a_repo_that_is_gone_or_holds_something_else(bench):
    lora = publish(bench, imported(bench))
    repo = lora.publication.repo
    bench.hub.repos[repo] = HubStatus(True, PUBLIC, "d" * 40, "0" * 64, 1)
    other = look_at_publication(lora.id, bench.tools).publication
    assert (other.status, other.commit) == (PublicationStatus.DIFFERENT, "d" * 40)
    assert other.visibility is PUBLIC
    del bench.hub.repos[repo]
    gone = look_at_publication(lora.id, bench.tools).publication
    assert gone.status is PublicationStatus.MISSING
    assert gone.page == lora.publication.page


def test_withdrawn_publication_is_gone_there_and_the_weights_stay_here(bench):
    lora = publish(bench, imported(bench))
    assert withdraw_publication(lora.id, bench.tools).publication is None
    assert bench.hub.repos == {}
    assert bench.tools.stores.files.lora(lora.id).is_file()


@pytest.mark.parametrize(
    "ask",
    [
        lambda lora_id, tools: change_visibility(lora_id, PUBLIC, tools),
        look_at_publication,
        withdraw_publication,
    ],
)
def test_what_is_not_published_cannot_be_changed_there(bench, ask):
    lora = imported(bench)
    with pytest.raises(InputError, match="not published"):
        ask(lora.id, bench.tools)


@pytest.mark.parametrize("repo", ["", "🦊", "../.."])
def test_name_without_plain_letters_asks_for_a_repo_name_and_sends_nothing(bench, bundles, repo):
    lora = bench.tools.stores.loras.update(imported(bench).id, name="🦊")
    with pytest.raises(InputError) as caught:
        publish(bench, lora, repo.replace("/", ""))
    assert caught.value.field == "repo"
    assert bundles == []
