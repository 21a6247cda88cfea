"""What the app knows of a service is a row of one table: no other part names one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxlora_desktop.backends.registry import DEFAULT_ADDRESSES, MODEL_CHOICES, build_services
from fluxlora_desktop.domain.services import (
    SERVICES,
    holds_token,
    owner_of_token,
    router_key,
    service_named,
    service_title,
    token_pattern,
    variable_prefixes,
)

ROOT = Path(__file__).resolve().parents[2] / "fluxlora_desktop"
TABLE = "domain/services.py"
# Not walked: the services' own folders and their practice, and the self-test, which drives one way.
WALKED = ("ui", "workflows", "jobs", "store", "imaging", "system", "domain", "app.py")
KEYS = {facts.key for facts in SERVICES}
TITLES = re.compile("|".join(rf"\b{re.escape(facts.title)}\b" for facts in SERVICES))


def named(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each string that is a service's key or holds a title as a word.

    Docstrings, also those below a name, are passed over.
    """
    tree = ast.parse(source)
    statements = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if node not in statements and (node.value in KEYS or TITLES.search(node.value)):
            yield node.lineno, node.value


def sources() -> Iterator[tuple[str, str]]:
    """Yield (path in the package, source) of each module that is walked."""
    for place in WALKED:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else (path,):
            name = file.relative_to(ROOT).as_posix()
            if name != TABLE:
                yield name, file.read_text("utf-8")


def test_no_service_is_named_outside_the_table() -> None:
    strange = [
        f"{name}:{line}: {text!r}" for name, source in sources() for line, text in named(source)
    ]
    assert not strange, "\n".join(strange)


@pytest.mark.parametrize("facts", SERVICES, ids=lambda facts: facts.key)
@pytest.mark.parametrize(
    "source",
    [
        "BACKEND = '{key}'",
        "pages = {{'{key}': 1}}",
        "label(f'Connect {title} now')",
        "def f(name='{key}'):\n    '''Doc.'''\n    return name",
        "match name:\n    case '{key}': pass",
    ],
)
def test_checker_finds_a_name(facts, source) -> None:
    assert list(named(source.format(key=facts.key, title=facts.title)))


@pytest.mark.parametrize(
    "source",
    [
        '"""Replicate said so."""',
        'LIMIT = 3\n"""As Hugging Face has it."""',
        "column = 'huggingface_repo'",
        "says = 'put together, the false ones fall out'",
        "x = 1  # Together withdrew it",
    ],
)
def test_checker_passes_what_names_no_service(source) -> None:
    assert list(named(source)) == []


def test_every_service_has_all_facts_and_no_two_share_a_name() -> None:
    for facts in SERVICES:
        for name in ("title", "purpose", "rights", "placeholder", "address_variable"):
            assert getattr(facts, name), (facts.key, name)
        for address in (
            facts.token_page,
            facts.billing_page,
            facts.status_page,
            facts.address,
            *([facts.router] if facts.router_variable else []),
        ):
            assert address.startswith("https://"), (facts.key, address)
        assert facts.token_variables, facts.key
    names = [name for facts in SERVICES for name in (*facts.token_variables, facts.title)]
    assert len(set(names)) == len(names)
    assert [facts.key for facts in SERVICES] == ["replicate", "fal", "huggingface", "together"]


def test_service_without_an_account_is_shown_as_it_is() -> None:
    assert service_named("practice") is None
    assert service_title("practice") == "practice"
    assert service_title("fal") == "fal"


def test_variables_of_tokens_begin_with_these() -> None:
    assert set(variable_prefixes()) == {"REPLICATE_", "FAL_", "HF_", "HUGGINGFACE_", "TOGETHER_"}


@pytest.mark.parametrize(
    ("token", "owner"),
    [
        ("r8_" + "aB3" * 12, "replicate"),
        ("hf_" + "aB3" * 12, "huggingface"),
        ("tgp_v1_" + "aB-3" * 8, "together"),
        ("0e6b5d3a-12cd-4e0f-9a7b-0123456789ab:" + "0f" * 16, "fal"),
    ],
)
def test_tokens_are_told_by_their_looks(token, owner) -> None:
    assert re.fullmatch(token_pattern(), token)
    assert holds_token(f"a fox, {token}, on a beach")
    assert owner_of_token(token) == owner
    assert owner_of_token(f"x{token}") == ""


@pytest.mark.parametrize(
    "text", ["hf_hub_download", "r8_x", "0e6b5d3a-12cd-4e0f-9a7b-0123456789ab", "12:30:59"]
)
def test_other_words_are_no_tokens(text) -> None:
    assert not re.search(token_pattern(), text)


def test_every_backend_is_in_the_table() -> None:
    made = build_services(addresses={}, secret_for=lambda _key: None)
    keys = {service.key for service in (*made.trainers, *made.generators, made.hub)}

    assert keys <= KEYS
    routers = {router_key(facts.key) for facts in SERVICES if facts.router}
    assert set(DEFAULT_ADDRESSES) == KEYS | routers
    assert {service for service, _base, _own in MODEL_CHOICES} <= KEYS
