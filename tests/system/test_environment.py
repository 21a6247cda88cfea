from __future__ import annotations

import pytest

from fluxlora_desktop.domain.errors import InputError, StorageError
from fluxlora_desktop.domain.secrets import Secret
from fluxlora_desktop.system.environment import (
    MAX_BYTES,
    blank_tokens,
    parse_env,
    take_tokens_out,
    tokens_in,
    tokens_in_file,
    without_tokens,
)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=plain", "plain"),
        ("  export A = spaced  ", "spaced"),
        ("A=", ""),
        ("A=a # remark", "a"),
        ("A=a#b", "a#b"),
        ("A=# remark", ""),
        ("A='single # kept'", "single # kept"),
        ('A="double # kept" # gone', "double # kept"),
        (r'A="a\nb\"c\\d"', 'a\nb"c\\d'),
        (r"A='a\nb'", r"a\nb"),
        ("A='open", "'open"),
        ("A=$(rm -rf x)`id`${HOME}", "$(rm -rf x)`id`${HOME}"),
        ("A=b=c", "b=c"),
        ("A=first\nA=last", "last"),
        ("A=a\r\nB=b\r\n", "a"),
    ],
)
def test_env_line_is_read_as_data(line, value):
    assert parse_env(line)["A"] == value


@pytest.mark.parametrize("text", ["", "# A=b", "A", "=b", "1A=b", "A b=c", "A: b"])
def test_other_lines_are_passed_over(text):
    assert parse_env(text) == {}


def test_known_names_become_tokens():
    found = tokens_in(
        {
            "REPLICATE_API_TOKEN": " r8_x ",
            "HF_TOKEN": "hf_second",
            "HUGGINGFACE_API_TOKEN": "hf_first",
            "HUGGINGFACE_USERNAME": "ada",
            "FAL_KEY": "id:secret",
            "TOGETHER_API_KEY": "   ",
            "AWS_SECRET": "never",
        }
    )

    assert found.names == (
        "REPLICATE_API_TOKEN",
        "FAL_KEY",
        "HUGGINGFACE_API_TOKEN",
        "HF_TOKEN",
        "HUGGINGFACE_USERNAME",
    )
    assert found.token("replicate") == Secret("r8_x")
    assert found.token("fal") == Secret("id:secret")
    assert found.token("huggingface") == Secret("hf_first")
    assert found.token("together") is None
    assert found.users == (("huggingface", "ada"),)
    assert "r8_x" not in repr(found)
    assert "id:secret" not in repr(found)
    assert not tokens_in({})


def test_env_file_with_a_byte_order_mark_is_read(tmp_path):
    file = tmp_path / ".env"
    file.write_bytes(b"\xef\xbb\xbfHF_TOKEN=hf_a\r\n")

    assert tokens_in_file(file).token("huggingface") == Secret("hf_a")


def test_what_is_no_env_file_is_refused(tmp_path):
    large, binary = tmp_path / "large", tmp_path / "binary"
    large.write_bytes(b"A" * (MAX_BYTES + 1))
    binary.write_bytes(b"HF_TOKEN=\xff\xfe")

    for path in (large, binary, tmp_path):
        with pytest.raises(InputError):
            tokens_in_file(path)
    with pytest.raises(StorageError):
        tokens_in_file(tmp_path / "missing")


SHELL = {
    "PATH": "/bin",
    "REPLICATE_API_TOKEN": "anything",
    "FAL_KEY": "id:secret",
    "HF_TOKEN": "x",
    "TOGETHER_API_KEY": "0" * 64,
    "RUNPOD_API_KEY": "rpa_x",
    "MY_DEPLOY_VARIABLE": f"hf_{'q' * 34}",
    "HF_ENDPOINT": "http://127.0.0.1:1",
    "HF_HOME": "/big/disk",
}


def test_child_inherits_no_token_and_of_a_service_only_where_its_models_lie():
    assert without_tokens(SHELL) == {"PATH": "/bin", "HF_HOME": "/big/disk"}


def test_tokens_taken_out_at_the_start_leave_addresses_and_folders():
    environ = dict(SHELL)
    taken = take_tokens_out(environ)

    assert set(environ) == {"PATH", "HF_ENDPOINT", "HF_HOME"}
    assert environ | taken == SHELL


def test_link_is_told_with_where_it_leads(tmp_path):
    target, link = tmp_path / "real.env", tmp_path / ".env"
    target.write_text("HF_TOKEN=hf_x\n")
    link.symlink_to(target)

    assert tokens_in_file(link).leads_to == target
    assert tokens_in_file(target).leads_to is None


def test_blanking_empties_the_tokens_asked_for_and_changes_nothing_else(tmp_path):
    file = tmp_path / ".env"
    file.write_bytes(b"# mine\r\nexport HF_TOKEN = 'hf_x' # old\r\nFAL_KEY=a:b\nOTHER=1")
    file.chmod(0o640)
    blank_tokens(file, {"huggingface"})

    assert file.read_bytes() == b"# mine\r\nexport HF_TOKEN =\r\nFAL_KEY=a:b\nOTHER=1"
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_blanking_follows_a_link(tmp_path):
    target, link = tmp_path / "real.env", tmp_path / ".env"
    target.write_text("FAL_KEY=a:b\n")
    link.symlink_to(target)
    blank_tokens(link, {"fal"})

    assert target.read_text() == "FAL_KEY=\n"
    assert link.is_symlink()
