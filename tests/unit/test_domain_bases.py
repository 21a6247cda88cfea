"""The table of base models."""

import pytest

from fluxlora_desktop.domain.bases import BASES, FLUX1_DEV, FLUX2_KLEIN_4B, base_in


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("flux1-dev-fp8", "flux.1-dev"),
        ("black-forest-labs/FLUX.2-dev", "flux.2-dev"),
        ("FLUX.2 [klein] 4B", "flux.2-klein-4b"),
        ("flux-2-klein-base-9b.safetensors", "flux.2-klein-9b"),
        ("sd_xl_base_1.0", ""),
    ],
)
def test_a_base_is_told_by_the_name_of_a_model(name: str, base: str) -> None:
    assert base_in(name) == base


def test_klein_is_trained_on_its_undistilled_weights() -> None:
    assert FLUX2_KLEIN_4B.training_hub_id == "black-forest-labs/FLUX.2-klein-base-4B"
    assert FLUX1_DEV.training_hub_id == FLUX1_DEV.hub_id


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.key)
def test_only_a_base_under_a_flux_licence_speaks_of_non_commercial_use(base) -> None:
    flux_licence = base.licence == "other"

    assert ("non-commercial" in base.permits) is flux_licence
    assert ("Non-Commercial" in base.notice) is flux_licence
    assert base.company_grants is flux_licence
