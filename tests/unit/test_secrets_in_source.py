"""What the source may not hold, so that no token finds a way out that no test walks."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import fluxlora_desktop.backends.registry as registry

PACKAGE = Path(__file__).resolve().parents[2] / "fluxlora_desktop"
MAY_REVEAL = {
    "backends/http/client.py",  # the authorization header
    "backends/http/errors.py",  # takes it out of what a service said
    "backends/aitoolkit/training.py",  # ai-toolkit's own environment
    "backends/local/child.py",  # the trainer's own environment
    "backends/huggingface/hub.py",  # the hub client's own header
    "system/redaction.py",  # learns its forms, to hide them
    "system/secret_store.py",  # the keyring
    "ui/desks/accounts.py",  # looks whose token it is before it is sent
}
STARTS = {"run", "Popen", "call", "check_call", "check_output"}
NAMES = {"pickle", "marshal", "shelve", "dill", "joblib", "rich", "sentry_sdk", "eval", "exec"}
ATTRIBUTES = {("torch", "load"), ("os", "system"), ("os", "popen"), ("yaml", "load")}
ARGUMENTS = {"capture_locals", "show_locals", "allow_pickle", "diagnose"}
LOG_METHODS = {"debug", "info", "warning", "error", "critical", "exception"}
WORDS = re.compile(r"hf_token|wandb_api_key|[?&]api_key=|[?&](?:access_)?token=$")
HIDERS = {"system/redaction.py", "system/environment.py"}


def troubles(name: str, source: str) -> Iterator[str]:
    """Yield what a module's source may not hold, in words."""
    for node in ast.walk(ast.parse(source)):
        for said in _looked_at(name, node):
            yield f"{name}:{getattr(node, 'lineno', 0)}: {said}"


def _looked_at(name: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        if (module or "").split(".")[0] in NAMES:
            yield f"imports {module}"
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and name not in HIDERS and WORDS.search(node.value):
            yield f"has a token's place in {node.value[:40]!r}"
    elif isinstance(node, ast.Call):
        yield from _called(name, node)


def _called(name: str, node: ast.Call) -> Iterator[str]:
    given = {keyword.arg for keyword in node.keywords}
    if given & ARGUMENTS:
        yield f"passes {', '.join(sorted(map(str, given & ARGUMENTS)))}"
    if isinstance(node.func, ast.Name) and node.func.id in NAMES:
        yield f"calls {node.func.id}"
    if not isinstance(node.func, ast.Attribute):
        return
    owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
    if (owner, node.func.attr) in ATTRIBUTES and not _reads_numbers_only(node):
        yield f"calls {owner}.{node.func.attr}"
    if owner == "subprocess" and node.func.attr in STARTS and "env" not in given:
        yield "starts a program with all variables that the app has"
    if node.func.attr == "reveal" and not node.args and name not in MAY_REVEAL:
        yield "reveals a secret"
    if owner in {"_log", "log", "logger"} and node.func.attr in LOG_METHODS:
        first = node.args[0] if node.args else None
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            yield "logs a sentence that is put together: the public log shows sentences"


def _reads_numbers_only(node: ast.Call) -> bool:
    """Tell whether a call says weights_only=True, by which torch.load runs no code of the file."""
    return any(
        keyword.arg == "weights_only"
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
        for keyword in node.keywords
    )


def test_no_module_holds_what_could_spill_a_token() -> None:
    found = [
        trouble
        for file in sorted(PACKAGE.rglob("*.py"))
        for trouble in troubles(file.relative_to(PACKAGE).as_posix(), file.read_text("utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load('x')",
        "import torch\ntorch.load('x', weights_only=False)",
        "eval('1')",
        "import os\nos.system('ls')",
        "traceback.TracebackException(a, b, c, capture_locals=True)",
        "import subprocess\nsubprocess.run(['ls'])",
        "import subprocess\nsubprocess.Popen(['ls'], cwd='/')",
        "argv = ['x', token.reveal()]",
        "_log.info(f'for {name}')",
        "_log.warning('for ' + name)",
        "_log.error(words)",
        "body = {'hf_token': 1}",
        "url = f'https://x/?token={token}'",
        "url = 'https://x/graphql?api_key=' + key",
    ],
)
def test_checker_finds_each(source: str) -> None:
    assert list(troubles("ui/x.py", source))


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run(['ls'], env={})",
        "_log.info('for %s', name)",
        "reveal(path)",
        "app.reveal(path)",
        "run(['ls'])",
    ],
)
def test_checker_passes_what_is_safe(source: str) -> None:
    assert list(troubles("ui/x.py", source)) == []


@pytest.mark.parametrize("name", ["httpx", "httpcore", "huggingface_hub", "httpx2", "httpcore2"])
def test_loggers_that_write_addresses_and_headers_are_quiet(name: str) -> None:
    assert registry.DEFAULT_ADDRESSES
    assert logging.getLogger(name).level >= logging.WARNING
