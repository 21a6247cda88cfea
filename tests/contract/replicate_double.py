"""Replicate, small: enough of it on loopback to hold the client to the recorded shapes."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from datetime import UTC, datetime

from loopback import Answer, Loopback, Request, as_json

TOKEN = "r8_" + "T" * 37
VERSION = "26dce37af90b9d997eeb970d92e47de3064d46c300504ae376c75bef6a9022d2"
WEIGHTS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}" + bytes(range(256)) * 4000


def weights_tar(members: dict[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in (members or _usual_members()).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _usual_members() -> dict[str, bytes]:
    root = "output/flux_train_replicate"
    return {
        f"{root}/config.yaml": b"job: extension\n",
        f"{root}/lora.safetensors": WEIGHTS,
        f"{root}/captions/img_000.txt": b"a photo of TOK\n",
    }


class ReplicateDouble:
    """Holds models, files and trainings as a real one would, on two ports."""

    def __init__(self, api: Loopback, delivery: Loopback) -> None:
        self.api, self.delivery = api, delivery
        self.models: dict[str, dict] = {}
        self.files: dict[str, dict] = {}
        self.trainings: list[dict] = []
        self.tar = weights_tar()
        api.route("GET", r"^/v1/account$", self._account)
        api.route("GET", r"^/v1/hardware$", as_json([{"sku": "cpu", "name": "CPU"}]))
        api.route("POST", r"^/v1/models$", self._create_model)
        api.route("GET", r"^/v1/models/ostris/[^/]+$", self._trainer)
        api.route("GET", r"^/v1/models/[^/]+/[^/]+$", self._model)
        api.route("POST", r"^/v1/files$", self._upload)
        api.route("DELETE", r"^/v1/files/", Answer(204))
        api.route("POST", r"/trainings$", self._train)
        api.route("GET", r"^/v1/trainings$", self._list)
        api.route("POST", r"^/v1/trainings/[^/]+/cancel$", self._cancel)
        api.route("GET", r"^/v1/trainings/[^/]+$", self._training)
        api.route("POST", r"predictions$", self._predict)
        delivery.route("GET", r"\.tar$", self._tar)
        delivery.route(
            "GET", r"\.png$", Answer(200, b"\x89PNG picture", {"content-type": "image/png"})
        )

    def _account(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return as_json({"title": "Unauthenticated", "detail": "no valid token"}, 401)
        return as_json({"type": "user", "username": "anna", "name": "Anna"})

    def _trainer(self, request: Request) -> Answer:
        owner, name = request.path.split("/")[-2:]
        return as_json({"owner": owner, "name": name, "latest_version": {"id": VERSION}})

    def _create_model(self, request: Request) -> Answer:
        model = request.json()
        key = f"{model['owner']}/{model['name']}"
        if key in self.models:
            return as_json({"errors": [{"detail": "A model with that name already exists."}]}, 409)
        self.models[key] = {**model, "latest_version": None}
        return as_json(self.models[key], 201)

    def _model(self, request: Request) -> Answer:
        model = self.models.get("/".join(request.path.split("/")[-2:]))
        return as_json(model) if model else as_json({"detail": "Not found"}, 404)

    def _upload(self, request: Request) -> Answer:
        kind = request.headers["content-type"]
        content = request.body.split(b"application/zip\r\n\r\n", 1)[1]
        boundary = kind.split("boundary=")[1].encode()
        content = content.removesuffix(b"\r\n--" + boundary + b"--\r\n")
        file_id = f"FILE{len(self.files)}"
        self.files[file_id] = {
            "id": file_id,
            "checksums": {"sha256": hashlib.sha256(content).hexdigest()},
            "urls": {"get": f"{self.api.url}/v1/files/{file_id}"},
        }
        return as_json(self.files[file_id], 201)

    def _train(self, request: Request) -> Answer:
        body = request.json()
        link = body["input"]["input_images"]
        body["input"]["input_images"] = re.sub(r"$", "/download?signature=abc", link)
        training = {
            "id": f"train{len(self.trainings)}",
            "status": "starting",
            "input": body["input"],
            "logs": "",
            "created_at": datetime.now(UTC).isoformat(),
        }
        self.trainings.insert(0, training)
        return as_json(training, 201)

    def _list(self, request: Request) -> Answer:
        return as_json({"results": self.trainings, "next": None, "previous": None})

    def _found(self, training_id: str) -> dict | None:
        return next((one for one in self.trainings if one["id"] == training_id), None)

    def _training(self, request: Request) -> Answer:
        found = self._found(request.path.split("/")[-1])
        return as_json(found) if found else as_json({"detail": "Not found"}, 404)

    def _cancel(self, request: Request) -> Answer:
        found = self._found(request.path.split("/")[-2])
        assert found is not None
        found.update(status="canceled", logs=None)
        return as_json(found)

    def _predict(self, request: Request) -> Answer:
        output = [f"{self.delivery.url}/out.png"]
        return as_json({"id": "pic1", "status": "succeeded", "output": output}, 201)

    def _tar(self, request: Request) -> Answer:
        asked = re.match(r"bytes=(\d+)-", request.headers.get("range", ""))
        if asked and request.headers.get("if-range") == '"tar-1"':
            start, total = int(asked.group(1)), len(self.tar)
            return Answer(
                206,
                self.tar[start:],
                {"etag": '"tar-1"', "content-range": f"bytes {start}-{total - 1}/{total}"},
            )
        return Answer(200, self.tar, {"etag": '"tar-1"'})
