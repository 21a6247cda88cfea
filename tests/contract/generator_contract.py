"""What every image generator keeps, whatever the service: run it with a `shop` fixture."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from counting import PostCount
from patient_context import PatientContext
from PIL import Image

from fluxlora_desktop.domain.errors import (
    AppError,
    Charged,
    InputError,
    LoraNotUsable,
    OutcomeUnknown,
    PaymentRequired,
    ServiceBusy,
    ServiceRefused,
    ServiceUnreachable,
    TokenMissing,
    TokenRejected,
)
from fluxlora_desktop.domain.pictures import LoraUse, PictureRequest
from fluxlora_desktop.domain.ports import ImageGenerator
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.practice.services import Service

Fault = dict[str, Any]
Opened = Callable[[str, Callable[[], Secret | None]], ImageGenerator]

_NO_CLEAR_ANSWER: dict[str, Fault] = {
    "500": {"status": 500, "body": "{}"},
    "502": {"status": 502, "body": "<html>Bad gateway</html>", "content_type": "text/html"},
    "503": {"status": 503, "body": "{}", "headers": {"retry-after": "1"}},
    "504": {"status": 504, "body": "{}"},
    "408": {"status": 408, "body": "{}"},
    "409": {"status": 409, "body": "{}"},
    "html": {"status": 200, "body": "<html>Sign in</html>", "content_type": "text/html"},
    "empty": {"status": 200},
    "no-id": {"status": 200, "body": "{}"},
    "bad-json": {"status": 200, "body": '{"id":"trunc'},
    "cut": {"status": 200, "json": {"id": "p", "status": "starting"}, "cut_after": 9},
    "drop": {"drop": True},
}


@dataclass(frozen=True, slots=True)
class Shop:
    """One model of one generator: how to open it, and the orders that it takes."""

    service: Service
    open: Opened
    """Returns the generator at an address, with a token."""
    size: tuple[int, int]
    """Of a picture, in pixels, when the smallest square is asked for."""
    path: str
    """The paths of its paid request, as a regular expression."""
    model: str
    loras: tuple[LoraUse, ...]
    misfit: LoraUse
    """A published Lora of a base that the model does not run."""
    seeds_sent: Callable[[], list[int]]
    """Returns the seeds of the pictures that the service was asked for."""
    side: int = 256
    """Of the smallest square that the model makes, in pixels."""
    needs_token: bool = True
    """Whether nothing can be asked of the service without one."""
    names_pictures: bool = True
    """Whether an answer tells an id or a name for the picture."""

    @property
    def generator(self) -> ImageGenerator:
        """The generator with the account's own token."""
        token = Secret(self.service.token)
        return self.open(self.service.url, lambda: token)

    def request(self, *, seed: int = 7, loras: tuple[LoraUse, ...] | None = None) -> PictureRequest:
        """Return a small order; with the Loras that belong to it unless told otherwise."""
        chosen = self.loras if loras is None else loras
        return PictureRequest(
            self.service.name,
            self.model,
            "TOK on a beach",
            chosen,
            self.side,
            self.side,
            4,
            seed=seed,
        )

    def posts(self) -> PostCount:
        """Start to count the paid requests."""
        return PostCount(self.service, self.path)

    def fail(self, **fault: Any) -> None:
        """Let the next paid request meet a fault."""
        self.service.next(method="POST", path=self.path, **fault)


def decoded(data: bytes) -> Image.Image:
    """Decode a picture whole, or fail."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


class PictureContract:
    """What a model does when all goes well, and what it refuses by itself."""

    def test_picture_comes_home_by_one_post_with_the_seed_asked_for(
        self, shop: Shop, ctx: PatientContext
    ) -> None:
        posts, generator = shop.posts(), shop.generator

        made = generator.generate(shop.request(seed=4_000_000), ctx)

        picture = decoded(made.data)
        assert (picture.size, f"image/{picture.format}".lower()) == (shop.size, made.media_type)
        assert (made.seed, shop.seeds_sent()[-1]) == (4_000_000, 4_000_000)
        assert bool(made.remote_id) is shop.names_pictures
        assert posts() == 1

    def test_same_seed_is_the_same_picture_and_another_seed_is_not(
        self, shop: Shop, ctx: PatientContext
    ) -> None:
        first, again, other = (
            decoded(shop.generator.generate(shop.request(seed=seed), ctx).data).tobytes()
            for seed in (7, 7, 8)
        )

        assert first == again
        assert first != other

    def test_lora_shows_in_the_picture(self, shop: Shop, ctx: PatientContext) -> None:
        if not shop.loras:
            model = shop.generator.abilities().model(shop.request().model)
            assert model is not None and not model.needs_lora
            return
        without, with_it = (
            shop.request(loras=tuple(replace(use, scale=scale) for use in shop.loras))
            for scale in (0.0, 1.0)
        )

        pale = shop.generator.generate(without, ctx)
        full = shop.generator.generate(with_it, ctx)

        assert decoded(pale.data).tobytes() != decoded(full.data).tobytes()

    def test_lora_of_another_base_is_refused_before_anything_is_sent(
        self, shop: Shop, ctx: PatientContext
    ) -> None:
        posts = shop.posts()

        with pytest.raises(LoraNotUsable):
            shop.generator.generate(shop.request(loras=(shop.misfit,)), ctx)

        assert posts() == 0

    @pytest.mark.parametrize(
        "change",
        [{"prompt": " "}, {"width": 1001}, {"steps": 0}, {"guidance": 99.0}],
        ids=["prompt", "width", "steps", "guidance"],
    )
    def test_order_out_of_range_is_refused_before_anything_is_sent(
        self, shop: Shop, ctx: PatientContext, change: dict[str, Any]
    ) -> None:
        posts = shop.posts()

        with pytest.raises(InputError):
            shop.generator.generate(replace(shop.request(), **change), ctx)

        assert posts() == 0


class ImageGeneratorContract(PictureContract):
    """The same, and every way in which a service can fail."""

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ({"status": 401, "json": {"detail": "no"}}, TokenRejected),
            ({"status": 402, "json": {"title": "Insufficient credit"}}, PaymentRequired),
            ({"status": 422, "json": {"detail": "prompt is required"}}, ServiceRefused),
            ({"status": 429, "json": {"detail": "resets in ~7s"}}, ServiceBusy),
            ({"status": 429, "body": "", "headers": {"retry-after": "7"}}, ServiceBusy),
        ],
        ids=["401", "402", "422", "429-words", "429-header"],
    )
    def test_refusal_is_told_apart_and_free_and_sent_once(
        self, shop: Shop, ctx: PatientContext, fault: Fault, error: type[AppError]
    ) -> None:
        posts = shop.posts()
        shop.fail(**fault)

        with pytest.raises(error) as caught:
            shop.generator.generate(shop.request(), ctx)

        assert posts() == 1
        assert caught.value.charged is Charged.NO
        if isinstance(caught.value, ServiceBusy):
            assert caught.value.retry_after == 7

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("name", [*_NO_CLEAR_ANSWER, "307"])
    def test_outcome_is_unknown_and_nothing_sent_again_when_no_clear_answer_comes(
        self, shop: Shop, ctx: PatientContext, name: str, when: str
    ) -> None:
        posts, asked = shop.posts(), len(shop.seeds_sent())
        elsewhere = {"status": 307, "headers": {"location": f"{shop.service.url}/elsewhere"}}
        shop.fail(when=when, **_NO_CLEAR_ANSWER.get(name, elsewhere))

        with pytest.raises(OutcomeUnknown) as caught:
            shop.generator.generate(shop.request(), ctx)

        assert posts() == 1
        assert shop.service.ledger.requests(path="/elsewhere") == []
        assert caught.value.charged is Charged.MAYBE
        assert len(shop.seeds_sent()) - asked == (1 if when == "after" else 0)

    def test_outcome_is_unknown_when_the_real_answer_is_cut(
        self, shop: Shop, ctx: PatientContext
    ) -> None:
        posts = shop.posts()
        shop.fail(cut_after=30)

        with pytest.raises(OutcomeUnknown):
            shop.generator.generate(shop.request(), ctx)

        assert posts() == 1

    def test_nothing_is_made_without_a_token(self, shop: Shop, ctx: PatientContext) -> None:
        posts = shop.posts()

        with pytest.raises(TokenMissing if shop.needs_token else TokenRejected):
            shop.open(shop.service.url, lambda: None).generate(shop.request(), ctx)

        assert posts() == (0 if shop.needs_token else 1)

    def test_wrong_token_is_rejected_by_the_service_itself(
        self, shop: Shop, ctx: PatientContext
    ) -> None:
        with pytest.raises(TokenRejected):
            shop.open(shop.service.url, lambda: Secret("wrong")).generate(shop.request(), ctx)

    def test_service_is_unreachable_when_nobody_listens(
        self, shop: Shop, ctx: PatientContext, free_address: str
    ) -> None:
        token = Secret(shop.service.token)

        with pytest.raises(ServiceUnreachable):
            shop.open(free_address, lambda: token).generate(shop.request(), ctx)
