"""The practice hub's two applications, ready to be served."""

from starlette.applications import Starlette
from starlette.routing import Route

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.errors import ANSWERS, InvalidInput
from fluxlora_desktop.practice.huggingface.access import Access
from fluxlora_desktop.practice.huggingface.accounts import USERNAME, practice_tokens
from fluxlora_desktop.practice.huggingface.blobs import Blobs
from fluxlora_desktop.practice.huggingface.errors import HubError, answer_refusal
from fluxlora_desktop.practice.huggingface.lfs import MULTIPART_OVER_BYTES, build_storage
from fluxlora_desktop.practice.huggingface.reading import Reading
from fluxlora_desktop.practice.huggingface.router import Router
from fluxlora_desktop.practice.huggingface.state import HubState
from fluxlora_desktop.practice.huggingface.writing import Writing
from fluxlora_desktop.practice.replicate.errors import Refusal
from fluxlora_desktop.practice.replicate.errors import answer_refusal as answer_as_replicate

__all__ = ["USERNAME", "build_huggingface", "build_huggingface_storage", "practice_tokens"]

_REPO = "/{owner}/{name}"
_API = "/api/models/{owner}/{name}"


def build_huggingface(
    context: PracticeContext, *, multipart_over: int = MULTIPART_OVER_BYTES
) -> Starlette:
    """Build the hub; files over `multipart_over` bytes are asked for in parts."""
    blobs = _blobs(context)
    folder = context.state_dir / "huggingface"
    state = HubState(folder=folder, blobs=blobs, clock=context.clock)
    access = Access(context=context, state=state)
    reading = Reading(context=context, state=state, blobs=blobs, access=access)
    writing = Writing(
        context=context, state=state, blobs=blobs, access=access, multipart_over=multipart_over
    )
    router = Router(context=context, access=access, blobs=blobs)
    return Starlette(
        routes=[*_router_routes(router), *_writing_routes(writing), *_reading_routes(reading)],
        exception_handlers={
            HubError: answer_refusal,
            InvalidInput: ANSWERS[InvalidInput],
            Refusal: answer_as_replicate,
        },
    )


def build_huggingface_storage(context: PracticeContext) -> Starlette:
    """Build the storage port, which takes and gives bytes by signed address."""
    return build_storage(context, _blobs(context))


def _blobs(context: PracticeContext) -> Blobs:
    return Blobs(folder=context.state_dir / "huggingface" / "blobs")


def _router_routes(router: Router) -> list[Route]:
    """Return what router.huggingface.co answers; here it has the hub's own address."""
    model = "/replicate/v1/models/{owner}/{name}/predictions"
    return [
        Route("/fal-ai/{endpoint:path}", router.fal, methods=["POST"]),
        Route(model, router.replicate, methods=["POST"]),
    ]


def _writing_routes(hub: Writing) -> list[Route]:
    lfs = _REPO + ".git/info/lfs/objects"
    return [
        Route("/api/repos/create", hub.create, methods=["POST"]),
        Route("/api/repos/delete", hub.delete, methods=["DELETE"]),
        Route("/api/validate-yaml", hub.validate_card, methods=["POST"]),
        Route(_API + "/preupload/{revision}", hub.preupload, methods=["POST"]),
        Route(_API + "/commit/{revision}", hub.commit, methods=["POST"]),
        Route(_API + "/settings", hub.settings, methods=["PUT"]),
        Route(_API + "/auth-check/write", hub.check_write),
        Route(_API + "/xet-write-token/{revision}", hub.xet_token),
        Route(lfs + "/batch", hub.lfs_batch, methods=["POST"]),
        Route(lfs + "/verify", hub.lfs_verify, methods=["POST"]),
    ]


def _reading_routes(hub: Reading) -> list[Route]:
    return [
        Route("/api/whoami-v2", hub.whoami),
        Route("/api/agent-harnesses", hub.agent_harnesses),
        Route("/v1/telemetry", hub.telemetry, methods=["POST"]),
        Route("/api/telemetry/{rest:path}", hub.telemetry, methods=["HEAD", "GET", "POST"]),
        Route("/api/models", hub.models),
        Route(_API, hub.model),
        Route(_API + "/auth-check", hub.auth_check),
        Route(_API + "/revision/{revision}", hub.model),
        Route(_API + "/tree/{revision}", hub.tree),
        Route(_API + "/tree/{revision}/{folder:path}", hub.tree),
        Route(_API + "/paths-info/{revision}", hub.paths_info, methods=["POST"]),
        Route(_API + "/commits/{revision}", hub.commits),
        Route(_REPO + "/resolve/{revision}/{path:path}", hub.resolve),
        Route(_REPO, hub.page),
    ]
