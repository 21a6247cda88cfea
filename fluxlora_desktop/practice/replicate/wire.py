"""Replicate's JSON, written: the shapes are those of the recordings and the published schemas."""

import secrets
import string
from datetime import UTC, datetime
from typing import Any

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.replicate.catalogue import PublicModel, openapi_schema
from fluxlora_desktop.practice.replicate.signing import signed_download
from fluxlora_desktop.practice.replicate.state import Model, StoredFile, Version

COG_VERSION = "0.9.20"
FILE_LIFETIME_S = 24 * 3600


def moment(seconds: float | None) -> str | None:
    """Return a time as Replicate writes it, in UTC with microseconds."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def new_id() -> str:
    """Return an id such as those of trainings and predictions."""
    letters = string.ascii_lowercase + string.digits
    return "".join(secrets.choice(letters) for _ in range(26))


def file_json(context: PracticeContext, file: StoredFile) -> dict[str, Any]:
    """Return an uploaded file."""
    return {
        "id": file.id,
        "name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "etag": file.md5,
        "checksums": {"sha256": file.sha256, "md5": file.md5},
        "metadata": file.metadata,
        "created_at": moment(file.created_at),
        "expires_at": moment(file.created_at + FILE_LIFETIME_S),
        "urls": {"get": context.public(f"v1/files/{file.id}")},
    }


def version_json(version_id: str, created_at: float, public: PublicModel | None) -> dict[str, Any]:
    """Return a version of a model."""
    return {
        "id": version_id,
        "created_at": moment(created_at),
        "cog_version": COG_VERSION,
        "openapi_schema": openapi_schema(public),
    }


def own_model_json(model: Model) -> dict[str, Any]:
    """Return a model of the practice account."""
    newest: Version | None = model.versions[0] if model.versions else None
    owner, _, name = model.id.partition("/")
    return _model(
        owner,
        name,
        visibility=model.visibility,
        description=model.description,
        is_official=False,
        latest=version_json(newest.id, newest.created_at, None) if newest else None,
    )


def public_model_json(model: PublicModel) -> dict[str, Any]:
    """Return a model of somebody else."""
    owner, _, name = model.name.partition("/")
    return _model(
        owner,
        name,
        visibility="public",
        description=model.description,
        is_official=model.is_official,
        latest=version_json(model.version, 1_740_000_000.0, model),
    )


def _model(
    owner: str,
    name: str,
    *,
    visibility: str,
    description: str | None,
    is_official: bool,
    latest: dict[str, Any] | None,
) -> dict[str, Any]:
    return {
        "url": f"https://replicate.com/{owner}/{name}",
        "owner": owner,
        "name": name,
        "description": description,
        "visibility": visibility,
        "is_official": is_official,
        "github_url": None,
        "paper_url": None,
        "license_url": None,
        "run_count": 0,
        "cover_image_url": None,
        "default_example": None,
        "latest_version": latest,
    }


def with_signed_files(
    context: PracticeContext, given: dict[str, Any], created_at: float
) -> dict[str, Any]:
    """Return inputs as Replicate echoes them: addresses of its own files signed for an hour."""
    start = context.public("v1/files/")
    return {
        name: signed_download(context, value.removeprefix(start).partition("/")[0], created_at)
        if isinstance(value, str) and value.startswith(start)
        else value
        for name, value in given.items()
    }
