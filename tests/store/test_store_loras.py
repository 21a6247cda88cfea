from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from fluxlora_desktop.domain.loras import Lora, Publication, PublicationStatus
from fluxlora_desktop.domain.money import Certainty, Charge
from fluxlora_desktop.domain.spending import Sum
from fluxlora_desktop.domain.training import Visibility
from tests.store.conftest import Shelf

_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
_LORA = Lora("l1", "Fox", "flux1-dev", "F0X", "a" * 64, "b" * 64, 171_969_392, 16, _NOON)
_PUBLICATION = Publication(
    lora_id="l1",
    hub="huggingface",
    repo="ada/fox",
    commit="c" * 40,
    visibility=Visibility.PRIVATE,
    status=PublicationStatus.VERIFIED,
    sha256="a" * 64,
    page="https://hub.test/ada/fox",
    address="https://hub.test/ada/fox/resolve/main/lora.safetensors",
    updated_at=_NOON,
)


def test_lora_is_the_same_when_the_library_is_opened_again(shelf: Shelf) -> None:
    run = shelf.draft()
    kept = replace(_LORA, run_id=run.id, recommended_scale=0.85, publication=_PUBLICATION)

    assert shelf.stores.loras.add(kept) == kept

    assert shelf.reopen().loras.get("l1") == kept


def test_publication_takes_the_place_of_the_last_one(shelf: Shelf) -> None:
    loras = shelf.stores.loras
    loras.add(_LORA)
    loras.publish(_PUBLICATION)
    public = replace(_PUBLICATION, visibility=Visibility.PUBLIC, repo="ada/fox-2")

    assert loras.publish(public).publication == public
    assert shelf.reopen().loras.get("l1").publication == public
    assert shelf.stores.loras.unpublish("l1").publication is None
    assert shelf.stores.loras.get("l1").publication is None


def test_loras_come_newest_first_without_the_trash(shelf: Shelf) -> None:
    loras = shelf.stores.loras
    loras.add(_LORA)
    loras.add(replace(_LORA, id="l2", sha256="c" * 64, created_at=_NOON + timedelta(days=1)))
    assert [lora.id for lora in loras.all()] == ["l2", "l1"]

    assert loras.trash("l2").trashed_at is not None
    assert [lora.id for lora in loras.all()] == ["l1"]
    assert loras.with_sha256("c" * 64) is not None

    assert loras.trash("l2", trashed=False).trashed_at is None
    assert len(loras.all()) == 2


def test_lora_with_a_hash_is_rather_one_that_is_not_in_the_trash(shelf: Shelf) -> None:
    loras = shelf.stores.loras
    loras.add(_LORA)
    loras.add(replace(_LORA, id="l2"))
    loras.trash("l1")

    found = loras.with_sha256("a" * 64)

    assert found is not None
    assert found.id == "l2"
    assert loras.with_sha256("f" * 64) is None


def test_lora_changes_its_name_and_never_its_hash(shelf: Shelf) -> None:
    loras = shelf.stores.loras
    loras.add(_LORA)

    assert loras.update("l1", name="Vixen").name == "Vixen"
    with pytest.raises(TypeError):
        loras.update("l1", sha256="x")
    with pytest.raises(KeyError):
        loras.get("nobody")


def test_charge_with_the_same_id_replaces_the_last_one(shelf: Shelf) -> None:
    ledger = shelf.stores.ledger
    first = Charge("a", "together", "picture", Decimal("0.5"), _NOON, Certainty.MAYBE)
    ledger.add(first)

    ledger.add(replace(first, amount_usd=Decimal("0.02"), certainty=Certainty.CHARGED))

    assert ledger.sum() == Sum(charged=Decimal("0.02"), count=1)
    assert [charge.certainty for charge in ledger.charges()] == [Certainty.CHARGED]
