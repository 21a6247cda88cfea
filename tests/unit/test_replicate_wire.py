"""Replicate's replies at the border."""

import pytest

from fluxlora_desktop.backends.registry import build_services, default_addresses
from fluxlora_desktop.backends.replicate.wire import AccountReply, JobPage, JobReply, read
from fluxlora_desktop.domain.errors import UnexpectedReply

RECORDED = {
    "id": "medrnz3bm5dd6ultvad2tejrte",
    "status": "processing",
    "created_at": "2023-08-16T19:33:26.07526337Z",
    "logs": None,
    "output": None,
    "metrics": {},
    "input": {"input_images": "https://api.replicate.com/v1/files/F1/download?expiry=1"},
    "urls": {"get": "https://api.replicate.com/v1/predictions/medrnz3bm5dd6ultvad2tejrte"},
}


def test_job_is_read_from_a_recorded_reply() -> None:
    job = read(JobReply, RECORDED)

    assert job.logs == ""
    assert job.weights == ""
    assert job.metrics.predict_time is None
    assert job.created_at is not None
    assert job.created_at.utcoffset() is not None


def test_job_needs_only_an_id_and_a_status() -> None:
    assert read(JobReply, {"id": "a", "status": "new word"}).status == "new word"


@pytest.mark.parametrize("wrong", [None, 7, "", "a/b", "..", "x" * 129])
def test_job_is_refused_when_its_id_may_not_enter_an_address(wrong: object) -> None:
    with pytest.raises(UnexpectedReply, match=r"JobReply\.id"):
        read(JobReply, {"id": wrong, "status": "starting"})


@pytest.mark.parametrize("wrong", ["a/b", "..", "a?b", "", "a\u202eb"])
def test_account_is_refused_when_its_name_may_not_enter_an_address(wrong: str) -> None:
    with pytest.raises(UnexpectedReply, match="username"):
        read(AccountReply, {"username": wrong})


def test_page_is_refused_when_it_is_no_page() -> None:
    with pytest.raises(UnexpectedReply):
        read(JobPage, "<html>")


def test_mark_is_found_in_the_spare_input_and_in_the_rewritten_address() -> None:
    marked = RECORDED | {"input": {"wandb_run": "fluxlora-N1"}}

    assert read(JobReply, marked).bears("N1", "")
    assert read(JobReply, RECORDED).bears("N2", "F1")
    assert not read(JobReply, RECORDED).bears("N2", "F2")


def test_empty_mark_is_borne_by_nobody() -> None:
    assert not read(JobReply, RECORDED).bears("", "")


def test_addresses_come_from_the_environment_where_it_names_them() -> None:
    found = default_addresses({"REPLICATE_BASE_URL": "http://127.0.0.1:1", "HF_ENDPOINT": " "})

    assert found["replicate"] == "http://127.0.0.1:1"
    assert found["huggingface"] == "https://huggingface.co"


def test_services_are_listed_by_key_without_asking_for_a_token() -> None:
    def never(service: str) -> None:
        raise AssertionError(service)

    services = build_services(addresses=default_addresses({}), secret_for=never)

    assert [trainer.key for trainer in services.trainers] == ["replicate", "fal"]
    keys = [generator.key for generator in services.generators]
    assert keys == ["replicate", "together", "fal", "huggingface"]
    assert services.hub.key == "huggingface"
