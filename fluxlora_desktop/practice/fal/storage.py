"""The storage: uploads by a signed address, or right to the delivery port with a token for it."""

from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from fluxlora_desktop.practice.context import PracticeContext
from fluxlora_desktop.practice.fal.errors import ANSWERS, FalError
from fluxlora_desktop.practice.fal.files import FILES, Files, read_lifetime
from fluxlora_desktop.practice.fal.forms import Form, read_object
from fluxlora_desktop.practice.fal.signing import is_signed, sign
from fluxlora_desktop.practice.fal.wire import moment

_ADDRESS_LIFETIME_S = 3600
_TOKEN_LIFETIME_S = 3600
_UPLOAD = "upload"
_FILE = "/{file_id}/{name}"


class Storage:
    """The handlers of /storage, and those of the delivery port."""

    def __init__(self, *, context: PracticeContext, files: Files) -> None:
        self._context = context
        self._files = files

    async def initiate(self, request: Request) -> Response:
        """Give an address to which a file may be put, and the one where it will be."""
        form = Form(await read_object(request))
        name, content_type = form.needed_text("file_name"), form.needed_text("content_type")
        form.check()
        file = self._files.announce(name, content_type, read_lifetime(request.headers))
        expiry = str(int(self._context.clock()) + _ADDRESS_LIFETIME_S)
        signature = sign(self._context, _UPLOAD, file.id, expiry)
        query = urlencode({"expires": expiry, "signature": signature})
        address = self._context.delivery(f"{_UPLOAD}/{file.id}/{file.name}?{query}")
        return JSONResponse({"upload_url": address, "file_url": self._files.address(file)})

    async def token(self, _request: Request) -> Response:
        """Give a token with which files may be sent to the delivery port."""
        expiry = int(self._context.clock()) + _TOKEN_LIFETIME_S
        return JSONResponse(
            {
                "token": f"{expiry}.{sign(self._context, _UPLOAD, expiry)}",
                "token_type": "Bearer",
                "base_url": self._context.delivery_url,
                "expires_at": moment(expiry),
            }
        )

    async def put(self, request: Request) -> Response:
        """Take a file to its signed address; its type is part of what was signed."""
        file = self._files.get(request.path_params["file_id"])
        query = request.query_params
        expiry, signature = query.get("expires", ""), query.get("signature", "")
        if file is None or not is_signed(self._context, signature, expiry, _UPLOAD, file.id):
            raise FalError(403, "The address is not signed or has expired")
        if request.headers.get("content-type", "") != file.content_type:
            raise FalError(403, f"The address was signed for a file of {file.content_type}")
        await self._files.take_in(file, request.stream())
        return Response(status_code=200)

    async def upload(self, request: Request) -> Response:
        """Take a file by a token for this port."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expiry, _, signature = token.strip().partition(".")
        if scheme != "Bearer" or not is_signed(self._context, signature, expiry, _UPLOAD):
            raise FalError(401, "Invalid token")
        file = self._files.announce(
            request.headers.get("x-fal-file-name", "upload.bin"),
            request.headers.get("content-type", "application/octet-stream"),
            read_lifetime(request.headers),
        )
        await self._files.take_in(file, request.stream())
        return JSONResponse({"access_url": self._files.address(file)})

    async def deliver(self, request: Request) -> Response:
        """Give a file to whoever has its address."""
        file = self._files.find(**request.path_params)
        if file is None:
            raise FalError(404, "File not found")
        return FileResponse(self._files.path(file.id), media_type=file.content_type)


def build_fal_delivery(storage: Storage) -> Starlette:
    """Build the delivery port; it answers ranges, also conditional ones."""
    return Starlette(
        routes=[
            Route("/files/upload", storage.upload, methods=["POST"]),
            Route(f"/{_UPLOAD}{_FILE}", storage.put, methods=["PUT"]),
            Route(f"/{FILES}{_FILE}", storage.deliver, methods=["GET", "HEAD"]),
        ],
        exception_handlers=ANSWERS,
    )
