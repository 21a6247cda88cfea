"""Who asks, and what they may do with which repo."""

from starlette.requests import Request

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.huggingface.accounts import Grant, grants_by_token
from fluxlora_desktop.practice.huggingface.errors import HubError, repo_not_found
from fluxlora_desktop.practice.huggingface.state import HubState, Repo


class Access:
    """Turns a request into the token's grant and the repo, or into the hub's refusal."""

    def __init__(self, *, context: PracticeContext, state: HubState) -> None:
        self._grants = grants_by_token(context)
        self._state = state

    def caller(self, request: Request) -> Grant | None:
        """Return who asks, None without a token; HubError 401 for a token nobody was given."""
        header = request.headers.get("authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        grant = self._grants.get(token.strip())
        if scheme.lower() != "bearer" or grant is None:
            raise HubError(401, "Invalid credentials in Authorization header")
        return grant

    def signed_in(self, request: Request) -> Grant:
        """Return who asks; HubError 401 without a token."""
        grant = self.caller(request)
        if grant is None:
            raise HubError(401, "Invalid username or password.")
        return grant

    def readable(self, request: Request) -> Repo:
        """Return the repo named in the path; a private one exists for its owner only."""
        grant = self.caller(request)
        repo = self._state.find("{owner}/{name}".format(**request.path_params))
        hidden = repo is not None and repo.private and (not grant or grant.username != repo.owner)
        if repo is None or hidden:
            raise repo_not_found(signed_in=grant is not None)
        return repo

    def downloadable(self, request: Request) -> Repo:
        """Return a repo whose files may be read; HubError GatedRepo where terms were not signed."""
        repo = self.readable(request)
        grant = self.caller(request)
        if repo.gated and (grant is None or grant.username != repo.owner):
            text = f"Access to model {repo.id} is restricted. You must have access to it"
            raise HubError(403 if grant else 401, text, "GatedRepo")
        return repo

    def writable(self, request: Request) -> tuple[Repo, Grant]:
        """Return a repo that the token may change, and the token's grant."""
        grant = self.signed_in(request)
        repo = self.readable(request)
        if grant.username != repo.owner or not grant.can_write:
            raise HubError(403, f"Forbidden: you must have write access to {repo.id}")
        return repo, grant

    def may_create(self, request: Request, owner: str) -> Grant:
        """Return the grant of a token that may create or delete repos of a namespace."""
        grant = self.signed_in(request)
        if grant.username != owner or not grant.can_write:
            text = f'You don\'t have the rights to create a model under the namespace "{owner}"'
            raise HubError(403, text)
        return grant
