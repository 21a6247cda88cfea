"""Faults that come together, or that only the services or the computer around the app can bring."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from tests.faults.judge import judge, leaks, trainings_of
from tests.faults.matrix import LAUNCH, Ground, goes_on, no_clicks, one_training, says
from tests.faults.person import Scene, read_diary

_HAD_STARTED = "(?i)had started. Continuing."
_LIST = "/v1/trainings"
_NOTHING = {"previous": None, "next": None, "results": []}

Crossed = Callable[[Ground, Scene], Iterator[str]]


def _late_list(ground: Ground, scene: Scene) -> Iterator[str]:
    """The launch's answer is lost, and the list does not show the training at first."""
    ground.cloud.fault("replicate", method="POST", path=LAUNCH, drop=True, when="after")
    ground.cloud.fault("replicate", method="GET", path=_LIST, status=200, json=_NOTHING, times=2)
    seen, wrong = goes_on(ground, scene)
    yield from wrong
    yield from says(seen, _HAD_STARTED)
    yield from one_training(ground, scene)
    yield from no_clicks(scene)


def _killed_while_looking(ground: Ground, scene: Scene) -> Iterator[str]:
    """Killed after the launch, no network at the next start, killed again as it was found."""
    first = ground.live(scene, step=6, moment="after", do="kill")
    ground.cloud.fault("replicate", method="GET", path=_LIST, drop=True, times=3)
    second = ground.live(scene, step="found", moment="before", do="kill")
    if not (first.killed and second.killed):
        yield f"it was not killed twice: {first.said}, {second.said}"
    seen, wrong = goes_on(ground, scene)
    yield from wrong
    yield from says(seen, _HAD_STARTED)
    yield from one_training(ground, scene)
    yield from no_clicks(scene)


def _wrong_training(ground: Ground, scene: Scene) -> Iterator[str]:
    """The answer to the launch names a training that is not ours."""
    told = {"id": "abcdefghij0000000000000000", "status": "starting", "input": {"steps": 1}}
    ground.cloud.fault("replicate", method="POST", path=LAUNCH, status=201, json=told, when="after")
    seen, wrong = goes_on(ground, scene)
    yield from wrong
    yield from says(seen, _HAD_STARTED)
    yield from one_training(ground, scene)
    yield from no_clicks(scene)


def _odd_waits(ground: Ground, scene: Scene) -> Iterator[str]:
    """The service asks to wait in every form that a header can have."""
    for asked in ("86400", "-5", "Thu, 01 Jan 1970 00:00:00 GMT", "soon", ""):
        headers = {"retry-after": asked} if asked else {}
        ground.cloud.fault("replicate", method="POST", path=LAUNCH, status=429, headers=headers)
    seen, wrong = goes_on(ground, scene)
    yield from wrong
    yield from says(seen, "asks to wait")
    yield from one_training(ground, scene)
    yield from no_clicks(scene)


def _copied(ground: Ground, scene: Scene) -> Iterator[str]:
    """The library's folder is copied to another computer while the training runs."""
    ground.live(scene, step=7, moment="before", do="kill")
    copy = replace(scene, folder=scene.folder / "copy", who="-b")
    shutil.copytree(scene.data_dir, copy.data_dir)
    shutil.copyfile(scene.diary, copy.diary)
    for place in (scene, copy):
        _seen, wrong = goes_on(ground, place)
        yield from wrong
    yield from one_training(ground, scene)
    shutil.rmtree(copy.folder)


def _deleted(ground: Ground, scene: Scene) -> Iterator[str]:
    """The person deletes the training at the service while the app is closed."""
    ground.live(scene, step=7, moment="before", do="kill")
    (gone,) = trainings_of(scene, ground.cloud)
    path = f"/v1/trainings/{gone['id']}"
    ground.cloud.fault("replicate", path=path, status=404, times=10_000)
    seen, wrong = goes_on(ground, scene)
    yield from wrong
    yield from says(seen, "no longer has this training")
    again = len(read_diary(scene, "again"))
    if (again, len(trainings_of(scene, ground.cloud))) != (1, 2):
        yield f"{again} clicks on Try again, and not one training for it"


def _locked_keyring(ground: Ground, scene: Scene) -> Iterator[str]:
    """The password store is locked when the app starts again, and unlocked later."""
    ground.live(scene, step=7, moment="before", do="kill")
    seen, wrong = goes_on(ground, scene, locked=6)
    yield from wrong
    yield from says(seen, "(?i)password store|keyring")
    yield from one_training(ground, scene)
    yield from no_clicks(scene)


CROSSED: Mapping[str, Crossed] = {
    "late list": _late_list,
    "killed while looking": _killed_while_looking,
    "wrong training": _wrong_training,
    "odd waits": _odd_waits,
    "copied library": _copied,
    "deleted at the service": _deleted,
    "locked keyring": _locked_keyring,
}


def run_crossed(ground: Ground, name: str) -> list[str]:
    """Return what is wrong after faults that come together."""
    scene = ground.place(f"crossed-{name.replace(' ', '-')}")
    try:
        wrong = list(CROSSED[name](ground, scene))
    finally:
        ground.cloud.calm()
    if name != "deleted at the service":  # there the ledger has a training that nobody can reach
        wrong += [f"{it.invariant} {it.seen}" for it in judge(scene, ground.cloud)]
    wrong += [f"{it.invariant} {it.seen}" for it in leaks(ground.cloud)]
    if not wrong:
        shutil.rmtree(scene.folder, ignore_errors=True)
    return wrong
