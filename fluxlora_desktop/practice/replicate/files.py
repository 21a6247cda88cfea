"""The files API: multipart uploads of less than 100 MB that live for a day."""

import base64
import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.replicate.errors import Refusal, file_not_found
from fluxlora_desktop.practice.replicate.pages import page
from fluxlora_desktop.practice.replicate.signing import is_signed
from fluxlora_desktop.practice.replicate.state import ReplicateState, StoredFile
from fluxlora_desktop.practice.replicate.wire import FILE_LIFETIME_S, file_json

LIMIT_BYTES = 100_000_000
_SLACK_BYTES = 100_000
_PIECE = 1_000_000


class Files:
    """The handlers of /v1/files."""

    def __init__(self, *, context: PracticeContext, state: ReplicateState) -> None:
        self._context = context
        self._state = state

    async def create(self, request: Request) -> Response:
        """Take a file; 413 for 100 MB or more, 400 without the part `content`."""
        if int(request.headers.get("content-length", "0")) > LIMIT_BYTES + _SLACK_BYTES:
            async for _ in request.stream():
                pass
            raise _too_large()
        async with request.form(max_files=4) as form:
            content = form.get("content")
            if not isinstance(content, UploadFile):
                raise Refusal(400, "Missing content", title="Bad request")
            if (content.size or 0) >= LIMIT_BYTES:
                raise _too_large()
            file_id = base64.b64encode(str(uuid.uuid4()).encode()).decode()
            path = self._state.upload_path(file_id)
            sha256, md5 = await run_in_threadpool(_save, content, path)
            file = StoredFile(
                id=file_id,
                name=str(form.get("filename") or content.filename or ""),
                content_type=str(
                    form.get("type") or content.content_type or "application/octet-stream"
                ),
                size=path.stat().st_size,
                sha256=sha256,
                md5=md5,
                created_at=self._context.clock(),
                metadata=await _metadata(form),
            )
        self._state.files.put(file)
        self._context.ledger.record(
            "replicate", "file_uploaded", id=file.id, size=file.size, sha256=sha256
        )
        return JSONResponse(file_json(self._context, file), status_code=201)

    async def list_all(self, request: Request) -> Response:
        """List the files, newest first."""
        alive = [file for file in self._state.files if not self._expired(file)]
        return page(self._context, request, alive, lambda file: file_json(self._context, file))

    async def get(self, request: Request) -> Response:
        """Tell about a file."""
        return JSONResponse(file_json(self._context, self._file(request)))

    async def delete(self, request: Request) -> Response:
        """Forget a file."""
        file = self._file(request)
        self._state.files.delete(file.id)
        self._state.upload_path(file.id).unlink(missing_ok=True)
        self._context.ledger.record("replicate", "file_deleted", id=file.id)
        return Response(status_code=204)

    async def download(self, request: Request) -> Response:
        """Give a file to whoever has a signed address."""
        file = self._file(request)
        if not is_signed(self._context, file.id, request.query_params):
            raise file_not_found()
        return FileResponse(self._state.upload_path(file.id), media_type=file.content_type)

    def _file(self, request: Request) -> StoredFile:
        file = self._state.files.get(request.path_params["file_id"])
        if file is None or self._expired(file):
            raise file_not_found()
        return file

    def _expired(self, file: StoredFile) -> bool:
        return self._context.clock() > file.created_at + FILE_LIFETIME_S


def _too_large() -> Refusal:
    return Refusal(413, "Files must be less than 100MB in size", tells_status=False)


def _save(content: UploadFile, path: Path) -> tuple[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as out:
        while piece := content.file.read(_PIECE):
            sha256.update(piece)
            md5.update(piece)
            out.write(piece)
    temporary.replace(path)
    return sha256.hexdigest(), md5.hexdigest()


async def _metadata(form: FormData) -> dict[str, Any]:
    """Read the metadata, which comes as one JSON part or as parts named metadata[key]."""
    told = form.get("metadata")
    if isinstance(told, UploadFile):
        told = (await told.read()).decode("utf-8", "replace")
    if told:
        try:
            value = json.loads(told)
        except ValueError as error:
            raise Refusal(400, "metadata is not valid JSON", title="Bad request") from error
        return value if isinstance(value, dict) else {}
    return {
        name[len("metadata[") : -1]: value
        for name, value in form.items()
        if name.startswith("metadata[") and name.endswith("]")
    }
