"""What the hub says about a token, read into values. Shapes: huggingface_hub 2.4.0, hub-docs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel as WireModel
from pydantic import Field, ValidationError

from fluxlora_desktop.domain.errors import UnexpectedReply
from fluxlora_desktop.domain.loras import HubAccount

WRITE_REPOS = "repo.write"
RUN_INFERENCE = "inference.serverless.write"
_BROAD = (
    "This token may change everything in the account. "
    "A fine-grained one that may write repos under your name is safer."
)


class _Entity(WireModel):
    name: str = ""


class _Scope(WireModel):
    entity: _Entity = _Entity()
    permissions: list[str] = Field(default_factory=list)


class _FineGrained(WireModel):
    everywhere: list[str] = Field(default_factory=list, alias="global")
    scoped: list[_Scope] = Field(default_factory=list)


class _AccessToken(WireModel):
    role: str = ""
    fine_grained: _FineGrained = Field(default_factory=_FineGrained, alias="fineGrained")


class _Auth(WireModel):
    access_token: _AccessToken = Field(default_factory=_AccessToken, alias="accessToken")


class _WhoAmI(WireModel):
    name: str = Field(min_length=1)
    auth: _Auth = Field(default_factory=_Auth)


def parse_account(service: str, reply: Any) -> HubAccount:
    """Return whose token it is and what it may do, from the reply of whoami-v2.

    A classic token writes by its role; a fine-grained one by the rights it has on the person's own
    name. Raises `UnexpectedReply`.
    """
    try:
        who = _WhoAmI.model_validate(reply)
    except ValidationError as error:
        raise UnexpectedReply(service, "whoami-v2", f"{error.error_count()} odd fields") from error
    token = who.auth.access_token
    if token.role != "fineGrained":
        note = _BROAD if token.role == "write" else "This token can read, and cannot publish."
        return HubAccount(who.name, token.role, token.role == "write", bool(token.role), note)
    own: set[str] = set()
    anywhere = set(token.fine_grained.everywhere)
    for scope in token.fine_grained.scoped:
        anywhere.update(scope.permissions)
        if scope.entity.name.casefold() == who.name.casefold():
            own.update(scope.permissions)
    can_write = WRITE_REPOS in own
    note = "" if can_write else f"This token lacks the right {WRITE_REPOS} on {who.name}."
    return HubAccount(who.name, token.role, can_write, RUN_INFERENCE in anywhere, note)
