"""The hub's calls that change nothing."""

from urllib.parse import parse_qs, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.huggingface import wire
from fluxlora_desktop.practice.huggingface.access import Access
from fluxlora_desktop.practice.huggingface.blobs import Blobs
from fluxlora_desktop.practice.huggingface.errors import HubError
from fluxlora_desktop.practice.huggingface.page import repo_page
from fluxlora_desktop.practice.huggingface.router import BASES
from fluxlora_desktop.practice.huggingface.signing import sign
from fluxlora_desktop.practice.huggingface.state import HubState, StoredFile


class Reading:
    """Handlers for everything that reads."""

    def __init__(
        self, *, context: PracticeContext, state: HubState, blobs: Blobs, access: Access
    ) -> None:
        self._context = context
        self._state = state
        self._blobs = blobs
        self._access = access

    async def whoami(self, request: Request) -> Response:
        """Tell whose token was sent and what it may do."""
        return JSONResponse(wire.whoami(self._access.signed_in(request)))

    async def agent_harnesses(self, _request: Request) -> Response:
        """Answer the client's once-a-day question with nothing."""
        return JSONResponse({"standardEnvVars": [], "harnesses": {}})

    async def telemetry(self, _request: Request) -> Response:
        """Take telemetry and forget it."""
        return Response(status_code=204)

    async def models(self, request: Request) -> Response:
        """List repos, of one author or of all, that the caller may see."""
        grant = self._access.caller(request)
        repos = self._state.repos_of(request.query_params.get("author"))
        seen = [r for r in repos if not r.private or (grant and grant.username == r.owner)]
        return JSONResponse([wire.model(r, r.head, self._blobs, with_sizes=False) for r in seen])

    async def model(self, request: Request) -> Response:
        """Describe one repo; with `expand` only what was asked for."""
        name = "{owner}/{name}".format(**request.path_params)
        if name in BASES and self._state.find(name) is None:
            self._access.caller(request)
            return JSONResponse(wire.base_model(name, BASES[name]))
        repo = self._access.readable(request)
        commit = repo.at(request.path_params.get("revision", "main"))
        with_sizes = _truthy(request, "blobs")
        reply = wire.model(repo, commit, self._blobs, with_sizes=with_sizes)
        expand = request.query_params.getlist("expand")
        if expand:
            reply["inferenceProviderMapping"] = wire.provider_mapping(repo, self._blobs)
            reply = {key: reply[key] for key in ("_id", "id", *expand) if key in reply}
        return JSONResponse(reply)

    async def auth_check(self, request: Request) -> Response:
        """Say whether the caller may read the repo's files."""
        self._access.downloadable(request)
        return JSONResponse({})

    async def tree(self, request: Request) -> Response:
        """List a folder of a repo."""
        commit = self._access.readable(request).at(request.path_params["revision"])
        folder = request.path_params.get("folder", "").strip("/")
        listing = wire.tree(commit, folder=folder, recursive=_truthy(request, "recursive"))
        if folder and not listing:
            raise HubError(404, f"{folder} does not exist", "EntryNotFound")
        return JSONResponse(listing)

    async def paths_info(self, request: Request) -> Response:
        """Describe the paths asked for; those that do not exist are left out."""
        commit = self._access.readable(request).at(request.path_params["revision"])
        if request.headers.get("content-type", "").startswith("application/json"):
            paths = (await request.json())["paths"]
        else:
            paths = parse_qs((await request.body()).decode()).get("paths", [])
        found = [commit.file(path) for path in paths]
        return JSONResponse([wire.tree_file(file) for file in found if file])

    async def commits(self, request: Request) -> Response:
        """List the history, newest first."""
        return JSONResponse(wire.history(self._access.readable(request)))

    async def resolve(self, request: Request) -> Response:
        """Give a small file, or the signed address of a large one."""
        repo = self._access.downloadable(request)
        commit = repo.at(request.path_params["revision"])
        path: str = request.path_params["path"]
        file = commit.file(path)
        if file is None:
            raise HubError(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit.id, "Accept-Ranges": "bytes"}
        name = path.rpartition("/")[2]
        if not file.lfs:
            headers["ETag"] = f'"{file.oid}"'
            content = self._blobs.read(file.sha256)
            return Response(content, headers=headers, media_type="text/plain; charset=utf-8")
        headers |= {
            "ETag": f'"{file.sha256}"',
            "X-Linked-Etag": f'"{file.sha256}"',
            "X-Linked-Size": str(file.size),
        }
        where = sign(self._context, "download", file.sha256, filename=name)
        return RedirectResponse(where, status_code=302, headers=headers)

    async def page(self, request: Request) -> Response:
        """Show the repo to a person; the practice hub's browser is always the owner's."""
        repo = self._state.find("{owner}/{name}".format(**request.path_params))
        if repo is None:
            return HTMLResponse("<!doctype html><title>404</title><h1>404</h1>", status_code=404)
        card = wire.card_of(repo, self._blobs)

        def address(file: StoredFile) -> str:
            if file.lfs:
                return sign(self._context, "download", file.sha256)
            return self._context.public(f"{repo.id}/resolve/main/{quote(file.path)}")

        return HTMLResponse(repo_page(repo, card, wire.tags(card), address))


def _truthy(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in ("1", "true")
