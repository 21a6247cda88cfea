from __future__ import annotations

import base64
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.system import logs
from fluxlora_desktop.system.logs import FILE_NAME, set_up_logging, take_down_logging
from fluxlora_desktop.system.redaction import Redactor

CANARY = "canary+token/with=odd~characters0123456789"
FAL_KEY = "0e6b5d3a-12cd-4e0f-9a7b-0123456789ab:" + "0f" * 16


@pytest.fixture
def log_file(tmp_path):
    levels = {n: logging.getLogger(n).level for n in ("", "httpx", "httpcore", "urllib3", "PIL")}
    redactor = Redactor(home=Path("/home/ada"))
    redactor.learn(Secret(CANARY))
    handler = set_up_logging(tmp_path / "logs", redactor, level=logging.DEBUG)
    yield tmp_path / "logs" / FILE_NAME
    take_down_logging(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("before", ["", "a:", "ab:", "abc:"])
def test_known_token_is_hidden_in_every_form(before):
    redactor = Redactor(home=Path("/home/ada"))
    redactor.learn(Secret(CANARY))
    whole = (before + CANARY + ":z").encode()

    for text in (
        CANARY,
        quote(CANARY, safe=""),
        base64.b64encode(whole).decode(),
        base64.urlsafe_b64encode(whole).decode(),
        base64.b64encode((before + CANARY).encode("utf-16-le")).decode(),
        (before + CANARY).encode("utf-16-le").decode("latin-1"),
        repr((before + CANARY).encode("utf-16-le")),
    ):
        shown = redactor.redact(f"<{before}{text}>")
        assert text not in shown
        assert text[8:-8] not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x hf_" + "a" * 34, "x [hidden]"),
        ("r8_" + "B" * 37 + ".", "[hidden]."),
        ("rpa_" + "C" * 30, "[hidden]"),
        (f"refused {FAL_KEY}.", "refused [hidden]."),
        (f"Authorization: Key {FAL_KEY}", "Authorization: Key [hidden]"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [hidden]"),
        ("Authorization: Key abcdef-123456:fedcba", "Authorization: Key [hidden]"),
        ("Key incomprehensibilities are none", "Key incomprehensibilities are none"),
        ("run 0e6b5d3a-12cd-4e0f-9a7b-0123456789ab", "run 0e6b5d3a-12cd-4e0f-9a7b-0123456789ab"),
        ("'x-api-key': 'abcdef123456'", "'x-api-key': '[hidden]'"),
        ("/f?signature=abc&expiry=9", "/f?signature=[hidden]&expiry=9"),
        ("/f?X-Amz-Signature=abc HTTP", "/f?X-Amz-Signature=[hidden] HTTP"),
        ("/home/ada/photos/a.jpg", "~/photos/a.jpg"),
        ("/home/adam/a.jpg", "/home/adam/a.jpg"),
        ("step 3 of 10, loss 0.25", "step 3 of 10, loss 0.25"),
        ("sha256 " + "0a" * 32, "sha256 " + "0a" * 32),
    ],
)
def test_what_looks_like_a_secret_is_hidden_and_nothing_else(text, shown):
    assert Redactor(home=Path("/home/ada")).redact(text) == shown


def test_short_text_is_never_taken_for_a_token():
    redactor = Redactor()
    redactor.learn(Secret("abc"))

    assert redactor.redact("abc abc") == "abc abc"


class Greeter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Set-Cookie", f"s={CANARY}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


def test_token_never_reaches_the_log_file_at_debug(log_file):
    server = HTTPServer(("127.0.0.1", 0), Greeter)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    httpx.get(
        f"http://127.0.0.1:{server.server_port}/a?token={quote(CANARY, safe='')}",
        headers={"Authorization": f"Bearer {CANARY}"},
        trust_env=False,
    )
    thread.join()
    server.server_close()
    log = logging.getLogger("app")
    log.debug("sent %s", {"Authorization": CANARY})
    log.info("secret is %r", Secret(CANARY))
    log.info("the service quotes %s", FAL_KEY)
    try:
        int(CANARY)
    except ValueError:
        log.exception("broke at /home/ada/x")

    text = log_file.read_text("utf-8")
    assert "invalid literal for int() with base 10: '[hidden]'" in text
    assert "broke at ~/x" in text
    assert "the service quotes [hidden]" in text
    assert CANARY not in text and quote(CANARY, safe="") not in text
    assert "httpx" not in text and "httpcore" not in text


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_log_file_is_its_owners_only(log_file):
    logging.getLogger("app").warning("x")

    assert log_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "said",
    [
        "one\n2026-01-01 00:00:00,000 INFO    MainThread app: forged",
        "one\r2026-01-01 forged",
        "\x1b[2K\x1b[1A2026-01-01 forged",
        "one\u20282026-01-01 forged",
        "user \u202e]gnp.exe",
    ],
)
def test_text_from_outside_cannot_pass_for_an_entry_of_its_own(log_file, said):
    logging.getLogger("app").warning("the service says %s", said)

    text = log_file.read_text("utf-8")
    assert all(sign not in text for sign in "\r\x1b\u2028\u202e")
    first, *later = text.splitlines()
    assert "the service says" in first
    assert all(line.startswith("    | ") for line in later)


def test_entry_that_cannot_be_written_shows_nothing_of_itself(log_file, capsys):
    record = logging.LogRecord("app", logging.WARNING, "", 1, "%d", (CANARY,), None)
    for handler in logging.getLogger().handlers:
        if type(handler).__module__ == logs.__name__:
            handler.handle(record)

    shown = capsys.readouterr().err
    assert "could not be logged" in shown
    assert CANARY not in shown
