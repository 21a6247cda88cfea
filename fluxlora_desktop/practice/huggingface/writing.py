"""The hub's calls that change something, or get ready to."""

import base64
import binascii
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.huggingface.access import Access
from fluxlora_desktop.practice.huggingface.accounts import Grant
from fluxlora_desktop.practice.huggingface.blobs import Blobs
from fluxlora_desktop.practice.huggingface.card import CardError, read_card
from fluxlora_desktop.practice.huggingface.commit import apply_commit, upload_mode
from fluxlora_desktop.practice.huggingface.errors import HubError, repo_not_found
from fluxlora_desktop.practice.huggingface.lfs import batch_reply, verify_object
from fluxlora_desktop.practice.huggingface.state import HubState, Repo


class Writing:
    """Handlers for everything that needs the right to write."""

    def __init__(
        self,
        *,
        context: PracticeContext,
        state: HubState,
        blobs: Blobs,
        access: Access,
        multipart_over: int,
    ) -> None:
        self._context = context
        self._state = state
        self._blobs = blobs
        self._access = access
        self._multipart_over = multipart_over

    async def create(self, request: Request) -> Response:
        """Create a repo; 409 when it is there already, whatever its visibility."""
        wanted = await _json(request)
        owner = wanted.get("organization") or self._access.signed_in(request).username
        self._access.may_create(request, owner)
        name = str(wanted.get("name", ""))
        url = self._context.public(f"{owner}/{name}")
        if self._state.find(f"{owner}/{name}"):
            text = "You already created this model repo"
            return JSONResponse({"error": text, "url": url}, status_code=409)
        private = _wanted_private(wanted) or False
        repo = self._state.create(owner=owner, name=name, private=private)
        self._tell("repo_created", repo, private=private)
        return JSONResponse({"url": url, "name": repo.id, "id": repo.id})

    async def delete(self, request: Request) -> Response:
        """Delete a repo."""
        wanted = await _json(request)
        owner = wanted.get("organization") or self._access.signed_in(request).username
        self._access.may_create(request, owner)
        repo = self._state.find(f"{owner}/{wanted.get('name', '')}")
        if repo is None:
            raise repo_not_found(signed_in=True)
        self._state.delete(repo)
        self._tell("repo_deleted", repo)
        return JSONResponse({})

    async def validate_card(self, request: Request) -> Response:
        """Say whether a README's front matter can be read."""
        wanted = await _json(request)
        try:
            card = read_card(str(wanted.get("content", "")))
        except CardError as error:
            reply = {"errors": [{"message": f"YAML Metadata Error: {error}"}], "warnings": []}
            return JSONResponse(reply, status_code=400)
        warnings = []
        if not card.data:
            warnings.append({"message": "YAML Metadata Warning: empty or missing yaml metadata"})
        return JSONResponse({"errors": [], "warnings": warnings})

    async def preupload(self, request: Request) -> Response:
        """Say for each file how it should come, and what the repo has at its path."""
        repo, _grant = self._access.writable(request)
        commit = repo.at(request.path_params["revision"])
        answers = []
        for wanted in (await _json(request)).get("files", []):
            try:
                sample = base64.b64decode(wanted.get("sample", ""), validate=True)
                mode = upload_mode(wanted["path"], sample, wanted["size"])
            except (KeyError, TypeError, binascii.Error) as error:
                raise HubError(400, "files need path, sample and size") from error
            known = commit.file(wanted["path"])
            oid = None if known is None else known.sha256 if known.lfs else known.oid
            answers.append(
                {"path": wanted["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}
            )
        return JSONResponse({"files": answers, "commitOid": commit.id})

    async def commit(self, request: Request) -> Response:
        """Make one commit of everything in the body, or of nothing."""
        self._access.writable(request)
        body = await request.body()
        repo, _grant = self._access.writable(request)
        repo.at(request.path_params["revision"])
        changed = apply_commit(self._state, repo, body)
        commit = changed.head
        self._tell("commit", changed, commit=commit.id, title=commit.title)
        reply = {
            "success": True,
            "commitOid": commit.id,
            "commitUrl": self._context.public(f"{repo.id}/commit/{commit.id}"),
            "hookOutput": "",
        }
        return JSONResponse(reply)

    async def settings(self, request: Request) -> Response:
        """Change who may read a repo."""
        wanted = await _json(request)
        repo, _grant = self._access.writable(request)
        private, gated = _wanted_private(wanted), wanted.get("gated")
        if gated not in (None, False, "auto", "manual"):
            raise HubError(400, "gated must be auto, manual or false")
        changed = self._state.change(repo, private=private, gated=gated)
        if changed.private != repo.private:
            self._tell("visibility", changed, private=changed.private)
        return JSONResponse({"private": changed.private, "gated": changed.gated or False})

    async def check_write(self, request: Request) -> Response:
        """Say whether the token may write to the repo."""
        self._access.writable(request)
        return JSONResponse({})

    async def xet_token(self, request: Request) -> Response:
        """Refuse Xet: this hub has LFS only."""
        self._access.writable(request)
        raise HubError(404, "The practice hub has no Xet storage; set HF_HUB_DISABLE_XET=1")

    async def lfs_batch(self, request: Request) -> Response:
        """Hand out upload addresses; 403 when the account's storage is used up."""
        wanted = await _json(request)
        repo, grant = self._access.writable(request)
        _require_space(repo, grant)
        reply = batch_reply(
            self._context,
            self._blobs,
            wanted,
            repo_id=repo.id,
            multipart_over=self._multipart_over,
        )
        return JSONResponse(reply, media_type="application/vnd.git-lfs+json")

    async def lfs_verify(self, request: Request) -> Response:
        """Confirm that an object arrived."""
        wanted = await _json(request)
        self._access.writable(request)
        verify_object(self._blobs, wanted)
        return JSONResponse({})

    def _tell(self, kind: str, repo: Repo, **facts: Any) -> None:
        self._context.ledger.record("huggingface", kind, repo=repo.id, **facts)


async def _json(request: Request) -> dict[str, Any]:
    try:
        value = await request.json()
    except ValueError as error:
        raise HubError(400, "Invalid JSON") from error
    if not isinstance(value, dict):
        raise HubError(400, "Invalid JSON")
    return value


def _wanted_private(wanted: dict[str, Any]) -> bool | None:
    """Read either spelling of visibility; None when neither is there."""
    visibility, private = wanted.get("visibility"), wanted.get("private")
    if visibility is not None:
        if visibility not in ("public", "private"):
            raise HubError(400, "visibility must be public or private")
        return bool(visibility == "private")
    return None if private is None else bool(private)


def _require_space(repo: Repo, grant: Grant) -> None:
    if grant.storage_full:
        kind = "Private" if repo.private else "Public"
        raise HubError(
            403,
            f"{kind} repository storage limit reached, please upgrade your plan to increase your "
            f"{kind.lower()} storage limit.",
        )
