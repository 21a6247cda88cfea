"""The practice hub's people and tokens; nothing but the practice account's own token is secret."""

import base64
import hashlib
from dataclasses import dataclass

from fluxlora_desktop.practice.context import PracticeContext

USERNAME = "practice"
STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Grant:
    """What one token is allowed to do, as the hub's whoami tells it."""

    name: str
    username: str
    role: str
    """read, write or fineGrained."""
    scopes: tuple[str, ...] = ()
    """Permissions of a fine-grained token on its owner's namespace."""
    storage_full: bool = False

    @property
    def can_write(self) -> bool:
        """Whether the token may change the repos of its own namespace."""
        return self.role == "write" or "repo.write" in self.scopes


GRANTS = (
    Grant("practice", USERNAME, "fineGrained", ("repo.write", "inference.serverless.write")),
    Grant("read", USERNAME, "read"),
    Grant("write", USERNAME, "write"),
    Grant("fine-grained-without-write", USERNAME, "fineGrained", ("inference.serverless.write",)),
    Grant("fine-grained-without-inference", USERNAME, "fineGrained", ("repo.write",)),
    Grant("storage-full", USERNAME, "write", storage_full=True),
    Grant("stranger", STRANGER, "write"),
)


def practice_tokens(context: PracticeContext) -> dict[str, str]:
    """Return every token that the practice hub knows, by the name of its grant."""
    return {grant.name: _token(context, grant) for grant in GRANTS}


def grants_by_token(context: PracticeContext) -> dict[str, Grant]:
    """Return what each known token may do."""
    return {_token(context, grant): grant for grant in GRANTS}


def _token(context: PracticeContext, grant: Grant) -> str:
    if grant is GRANTS[0]:
        return context.token
    digest = hashlib.sha256(f"{context.token}:{grant.name}".encode()).digest()
    letters = base64.b64encode(digest, altchars=b"xy").decode().rstrip("=")
    return "hf_" + letters[:34]
