"""A hub on loopback: as much of its protocol as fetching a model takes."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_MB = 1_000_000
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer:
    """Serves folders as repos; `locked` repos are gated, `hidden` ones ask for a token.

    While it is `gone` it hangs up on everybody. `ranges` are the first bytes that were asked for,
    a megabyte of a file takes `slowness` seconds.
    """

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.locked: set[str] = set()
        self.hidden: set[str] = set()
        self.asked: list[str] = []
        self.ranges: list[int] = []
        self.gone = False
        self.slowness = 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self, with_body=True)

            def do_HEAD(self) -> None:
                hub.answer(self, with_body=False)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def answer(self, request: BaseHTTPRequestHandler, *, with_body: bool) -> None:
        if self.gone:
            request.close_connection = True
            request.connection.close()
            return
        path = unquote(urlsplit(request.path).path).strip("/")
        self.asked.append(path)
        is_api = path.startswith("api/models/")
        parts = path.removeprefix("api/models/").split("/")
        repo, rest = "/".join(parts[:2]), parts[2:]
        headers, body, status = {"X-Repo-Commit": COMMIT}, b"", 200
        if repo in self.hidden:
            status, headers["X-Error-Message"] = 401, "Invalid username or password."
        elif repo in self.locked and not is_api:
            status, headers["X-Error-Code"] = 403, "GatedRepo"
        elif repo not in self.folders and repo not in self.locked:
            status, headers["X-Error-Code"] = 404, "RepoNotFound"
        elif is_api:
            body = json.dumps(self._about(repo)).encode()
            headers["Content-Type"] = "application/json"
        else:
            body = (self.folders[repo] / "/".join(rest[2:])).read_bytes()
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()}"'
            first = request.headers.get("Range", "")
            if first and with_body:
                self.ranges.append(int(first.removeprefix("bytes=").rstrip("-")))
                headers["Content-Range"] = f"bytes {self.ranges[-1]}-{len(body) - 1}/{len(body)}"
                body, status = body[self.ranges[-1] :], 206
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        for start in range(0, len(body) if with_body else 0, _MB):
            time.sleep(self.slowness if len(body) > _MB else 0.0)
            request.wfile.write(body[start : start + _MB])

    def _about(self, repo: str) -> dict[str, Any]:
        folder = self.folders.get(repo)
        files = [path for path in folder.rglob("*") if path.is_file()] if folder else []
        listed = [
            {"rfilename": path.relative_to(folder).as_posix(), "size": path.stat().st_size}
            | ({"lfs": _lfs(path)} if path.suffix == ".safetensors" else {})
            for path in files
            if folder
        ] or [{"rfilename": "transformer/config.json", "size": 10}]
        return {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": listed, "tags": []}


def _lfs(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"sha256": digest, "size": path.stat().st_size, "pointerSize": 134}
