"""Where a library lies: network shares and synced folders are known by their paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxlora_desktop.domain.library import Ground, RemarkKind
from fluxlora_desktop.store import ground
from fluxlora_desktop.store.database import pragmas
from fluxlora_desktop.store.ground import file_system_of, find_ground, synced_by
from fluxlora_desktop.store.library import open_library
from tests.store.conftest import SteppingClock

MOUNTS = (
    "/dev/sda1 / ext4 rw 0 0",
    "server:/export /mnt/big\\040share nfs4 rw,vers=4.2 0 0",
    "//nas/photos /srv/photos cifs rw 0 0",
    "/dev/sdb1 /mnt/big\\040share/local ext4 rw 0 0",
    "me@host: /home/me/far fuse.sshfs rw 0 0",
    "a line that says nothing",
)


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/home/me/Dropbox/FluxLoRA", "Dropbox"),
        ("/home/me/Dropbox (Personal)/x", "Dropbox"),
        ("/Users/me/OneDrive/x", "OneDrive"),
        ("/Users/me/OneDrive - My School/x", "OneDrive"),
        ("/Users/me/Library/CloudStorage/OneDrive-Personal/x", "OneDrive"),
        ("/Users/me/Library/Mobile Documents/com~apple~CloudDocs/x", "iCloud"),
        ("/Users/me/iCloudDrive/x", "iCloud"),
        ("/Users/me/Google Drive/x", "Google Drive"),
        ("/Users/me/Library/CloudStorage/GoogleDrive-me@x.org/My Drive", "Google Drive"),
        ("/Users/me/Library/CloudStorage/Other/x", "a cloud drive"),
        ("/home/me/Dropboxes/x", ""),
        ("/home/me/my onedrive notes/x", ""),
        ("/home/me/FluxLoRA", ""),
    ],
)
def test_synced_folder_is_known_by_its_path(path: str, service: str) -> None:
    assert synced_by(Path(path)) == service


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/library", ""),
        ("/mnt/big share/library", "nfs4"),
        ("/mnt/big share/local/library", ""),
        ("/srv/photos", "cifs"),
        ("/srv/photos2", ""),
        ("/home/me/far/library", "fuse.sshfs"),
    ],
)
def test_network_share_is_known_by_the_mount_that_holds_the_path(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind
    assert file_system_of(Path(path), reversed(MOUNTS)) == kind


def test_library_in_a_synced_folder_opens_and_says_so(tmp_path: Path) -> None:
    library = open_library(tmp_path / "Dropbox" / "library", clock=SteppingClock())
    library.close()

    (remark,) = library.remarks
    assert (remark.kind, remark.detail) == (RemarkKind.SYNCED, "Dropbox")


def test_library_on_a_share_opens_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground, "_mounts", lambda: [f"server:/x {tmp_path} nfs rw 0 0"])
    assert find_ground(tmp_path / "library") == (Ground.NETWORK, "nfs")

    library = open_library(tmp_path / "library", clock=SteppingClock())
    library.close()

    assert [remark.kind for remark in library.remarks] == [RemarkKind.NETWORK]


def test_wal_is_refused_where_the_folder_is_not_local() -> None:
    assert "journal_mode=WAL" in pragmas((3, 53, 0), "linux")
    assert "journal_mode=WAL" not in pragmas((3, 53, 0), "linux", local=False)
    assert "synchronous=EXTRA" in pragmas((3, 53, 0), "linux", local=False)
