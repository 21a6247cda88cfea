from __future__ import annotations

import sys
from pathlib import Path

from fluxlora_desktop.system.places import APP_NAME, find_places, resource


def test_places_lie_in_the_systems_folders():
    places = find_places()

    assert places.data_dir.name == places.config.name == places.cache.name == APP_NAME
    assert places.logs == places.data_dir / "logs"
    assert len({places.data_dir, places.config, places.cache}) == 3


def test_places_lie_in_the_folder_that_was_given(tmp_path):
    places = find_places(tmp_path)

    assert places.data_dir == tmp_path
    assert places.settings_file == tmp_path / "settings.ini"
    assert places.logs == tmp_path / "logs"
    assert places.cache == tmp_path / "cache"


def test_given_folder_is_absolute_wherever_the_app_was_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert find_places(Path("library")).data_dir == tmp_path / "library"


def test_practice_shares_nothing_with_the_real_library(tmp_path):
    real, practice = find_places(tmp_path), find_places(tmp_path, practice=True)

    assert practice.data_dir == real.data_dir / "practice"
    assert practice.settings_file != real.settings_file
    assert find_places(practice=True).data_dir == find_places().data_dir / "practice"
    assert find_places(practice=True).settings_file != find_places().settings_file


def test_resources_are_found_in_a_checkout_and_in_a_bundle(tmp_path, monkeypatch):
    assert resource("app-icon.svg").is_file()

    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resource("icons", "add.svg") == tmp_path / "resources" / "icons" / "add.svg"
