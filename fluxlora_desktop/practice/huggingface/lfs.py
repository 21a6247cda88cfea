"""Large files: the batch and verify calls, and the storage port that takes and gives bytes."""

from math import ceil
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.huggingface.blobs import Blobs, WrongBytes, is_sha256
from fluxlora_desktop.practice.huggingface.errors import HubError, answer_refusal
from fluxlora_desktop.practice.huggingface.signing import require_signed, sign

MULTIPART_OVER_BYTES = 20_000_000
PART_BYTES = 5 * 1024 * 1024
_MOST_PARTS = 10_000


def batch_reply(
    context: PracticeContext, blobs: Blobs, request: Any, *, repo_id: str, multipart_over: int
) -> dict[str, Any]:
    """Say for each object where to send it; one that is there already gets no actions."""
    transfers = request.get("transfers") or ["basic"]
    answers, transfer = [], "basic"
    for wanted in request.get("objects", []):
        oid, size = wanted.get("oid"), wanted.get("size")
        if not isinstance(oid, str) or not is_sha256(oid) or not isinstance(size, int):
            raise HubError(422, "objects need a SHA-256 oid and a size")
        answer: dict[str, Any] = {"oid": oid, "size": size, "authenticated": True}
        if blobs.size(oid) is None:
            upload: dict[str, Any] = {"href": sign(context, "upload", oid, size=size), "header": {}}
            if size > multipart_over and "multipart" in transfers:
                upload, transfer = _multipart(context, oid, size), "multipart"
            verify = context.public(f"{repo_id}.git/info/lfs/objects/verify")
            answer["actions"] = {"upload": upload, "verify": {"href": verify, "header": {}}}
        answers.append(answer)
    return {"transfer": transfer, "objects": answers}


def _multipart(context: PracticeContext, oid: str, size: int) -> dict[str, Any]:
    part_bytes = max(PART_BYTES, ceil(size / _MOST_PARTS))
    count = ceil(size / part_bytes)
    header = {str(n): sign(context, "part", oid, number=n) for n in range(1, count + 1)}
    href = sign(context, "complete", oid, size=size, parts=count)
    return {"href": href, "header": {"chunk_size": str(part_bytes), **header}}


def verify_object(blobs: Blobs, request: Any) -> None:
    """Raise HubError when the object is not in the storage with the size told."""
    oid = request.get("oid", "")
    if not isinstance(oid, str) or not is_sha256(oid) or blobs.size(oid) != request.get("size"):
        raise HubError(404, "Object does not exist or has another size")


class Storage:
    """The second port: uploads and downloads by signed address, without a token."""

    def __init__(self, *, context: PracticeContext, blobs: Blobs) -> None:
        self._context = context
        self._blobs = blobs

    async def upload(self, request: Request) -> Response:
        """Take a whole object; 400 when the bytes are not those that were announced."""
        oid = self._allowed(request, "upload")
        size = int(request.query_params["size"])
        try:
            await self._blobs.receive(request.stream(), sha256=oid, size=size)
        except WrongBytes as error:
            return _bad_digest(error)
        self._tell(oid, size)
        return Response(headers={"ETag": f'"{oid}"'})

    async def part(self, request: Request) -> Response:
        """Take one part of an object and answer with its ETag."""
        oid = self._allowed(request, "part")
        number = int(request.query_params["number"])
        etag = await self._blobs.receive_part(request.stream(), sha256=oid, part=number)
        return Response(headers={"ETag": f'"{etag}"'})

    async def complete(self, request: Request) -> Response:
        """Put the parts together; 400 when one is missing or the whole is another file."""
        oid = self._allowed(request, "complete")
        size, parts = (int(request.query_params[name]) for name in ("size", "parts"))
        try:
            await self._blobs.join_parts(sha256=oid, size=size, parts=parts)
        except WrongBytes as error:
            return _bad_digest(error)
        self._tell(oid, size)
        return JSONResponse({"success": True})

    async def download(self, request: Request) -> Response:
        """Give an object, whole or in ranges."""
        oid = self._allowed(request, "download")
        if self._blobs.size(oid) is None:
            raise HubError(404, "NoSuchKey")
        return FileResponse(
            self._blobs.path(oid),
            media_type="application/octet-stream",
            headers={"ETag": f'"{oid}"'},
            filename=request.query_params.get("filename"),
        )

    def _allowed(self, request: Request, action: str) -> str:
        oid: str = request.path_params["oid"]
        require_signed(self._context, action, oid, request.query_params)
        return oid

    def _tell(self, oid: str, size: int) -> None:
        self._context.ledger.record("huggingface", "lfs_upload", oid=oid, size=size)


def build_storage(context: PracticeContext, blobs: Blobs) -> Starlette:
    """Build the storage port's application."""
    storage = Storage(context=context, blobs=blobs)
    return Starlette(
        routes=[
            Route("/lfs/upload/{oid}", storage.upload, methods=["PUT"]),
            Route("/lfs/part/{oid}", storage.part, methods=["PUT"]),
            Route("/lfs/complete/{oid}", storage.complete, methods=["POST"]),
            Route("/lfs/download/{oid}", storage.download, methods=["GET"]),
        ],
        exception_handlers={HubError: answer_refusal},
    )


def _bad_digest(error: WrongBytes) -> Response:
    body = f"<Error><Code>BadDigest</Code><Message>{error}</Message></Error>"
    return Response(body, status_code=400, media_type="application/xml")
