"""What the page says of this computer: hardware, settings, times, sizes."""

from __future__ import annotations

from fluxlora_desktop.domain.engine import (
    BaseAdvice,
    BaseFiles,
    BaseState,
    EngineState,
    EngineStatus,
    EngineStep,
    Hardware,
    Needs,
    ThisComputer,
)
from fluxlora_desktop.ui.units import duration, listed

_GB = 10**9
_BOX = 2**30
_PRECISIONS = {
    "bf16": "Full precision (bf16)",
    "int8": "8-bit weights (int8)",
    "nf4": "4-bit weights (NF4)",
    "fp32": "fp32",
}


def size_words(size: int) -> str:
    """Return a large size on the disk: 34 GB, 7 GB, 1.3 GB."""
    digits = f"{size / _GB:.0f}" if size >= 9.95 * _GB else f"{size / _GB:.1f}"
    return f"{digits.removesuffix('.0')} GB"


def memory_words(size: int) -> str:
    """Return memory as its box says it."""
    return f"{size / _BOX:.0f} GB"


def headline(seen: ThisComputer) -> str:
    """Return whether this computer can train, in one sentence."""
    able = [base.title for base in seen.advice.bases if base.can]
    if not able:
        return "This computer cannot train FLUX LoRAs"
    if not seen.status.usable:
        return "This computer can train FLUX LoRAs, once its engine is set up"
    return "This computer can train FLUX LoRAs"


def hardware_words(hardware: Hardware) -> str:
    """Return what is there, one after the other."""
    parts = [f"{gpu.name}, {memory_words(gpu.memory_bytes)}" for gpu in hardware.gpus]
    if hardware.driver and hardware.gpus:
        parts.append(f"driver {hardware.driver}")
    if hardware.ram_bytes:
        parts.append(f"{memory_words(hardware.ram_bytes)} of memory")
    parts.append(f"{size_words(hardware.free_bytes)} free on the disk")
    return " · ".join(parts)


def settings_words(base: BaseAdvice) -> str:
    """Return at what settings a base is trained, and what of the GPU that takes."""
    sides = listed([str(side) for side in base.resolutions])
    how = _PRECISIONS.get(base.precision, base.precision)
    return f"{how}, {sides} pixels, about {memory_words(base.gpu_bytes)} of GPU memory"


def time_words(base: BaseAdvice) -> str:
    """Return how long a training takes, and whether anybody measured that."""
    fast, slow = (duration(seconds) for seconds in base.seconds)
    fast_number, fast_unit = fast.split(" ", 1)
    low = fast_number if fast_unit == slow.split(" ", 1)[1] else fast
    how = "measured" if base.measured else "an estimate"
    return f"{low} to {slow} for {base.steps:,} steps ({how})"


def engine_words(seen: ThisComputer) -> str:
    """Return what the engine is or how it stands."""
    status, hardware = seen.status, seen.hardware
    if status.state is EngineState.ABSENT:
        by = f", made by {hardware.maker}" if hardware.maker else ""
        return (
            f"A Python environment of its own{by}, with PyTorch for your GPU. The app itself stays "
            "as it is, and nothing else on the computer changes."
        )
    if status.state is EngineState.BROKEN:
        problem = status.probe.problems[0] if status.probe and status.probe.problems else None
        why = f" {problem[0]} does not load: {problem[1].rstrip('.')}." if problem else ""
        return f"It is there and does not work.{why} Set it up anew; base models stay."
    versions = _versions(status)
    if status.state is EngineState.OUTDATED:
        return f"{versions} This version of the app brings other packages; it works until then."
    return versions


def _versions(status: EngineStatus) -> str:
    probe = status.probe
    parts = []
    if probe is not None:
        parts.append(f"PyTorch {probe.torch.split('+')[0]}")
        parts += [f"CUDA {probe.cuda}"] if probe.cuda else []
        parts += [f"diffusers {probe.diffusers}", f"Python {probe.python}"]
    parts.append(f"{size_words(status.disk_bytes)} on the disk")
    return f"{' · '.join(parts)}."


def needs_words(needs: Needs) -> str:
    """Return what setting the engine up takes."""
    return (
        f"About {size_words(needs.download_bytes)} are downloaded and "
        f"{size_words(needs.disk_bytes)} stay on the disk; while it is made, "
        f"{size_words(needs.room_bytes)} must be free."
    )


def sees_gpu(seen: ThisComputer) -> bool:
    """Tell whether the engine's libraries see the GPU that the driver tells of."""
    probe = seen.status.probe
    return probe is None or bool(probe.gpus) or not seen.hardware.gpus


def step_words(step: EngineStep) -> str:
    """Return a step with how many bytes came so far."""
    if not step.done or not step.total:
        return f"{step.says}…"
    return f"{step.says}… {size_words(step.done)} of about {size_words(step.total)}"


def lacks_room(seen: ThisComputer) -> bool:
    """Tell whether the disk has too little room for making the engine."""
    return seen.hardware.free_bytes < seen.needs.room_bytes


def base_words(files: BaseFiles, free_bytes: int) -> str:
    """Return where a base model is, and whether there is room for it."""
    twin = size_words(files.twin_bytes)
    more = f" Pictures use its distilled twin, {twin} more." if files.twin_bytes else ""
    return _place_words(files, free_bytes) + more


def can_be_fetched(files: BaseFiles, free_bytes: int) -> bool:
    """Tell whether a base is not here whole, and there is room for the rest."""
    left = files.base.download_bytes - (files.disk_bytes - files.twin_bytes)
    return files.state in (BaseState.ABSENT, BaseState.PARTIAL) and left <= free_bytes


def _place_words(files: BaseFiles, free_bytes: int) -> str:
    here = size_words(files.disk_bytes - files.twin_bytes)
    download = size_words(files.base.download_bytes)
    if files.state is BaseState.ABSENT:
        lacks = free_bytes < files.base.download_bytes
        room = f" Only {size_words(free_bytes)} are free." if lacks else ""
        return f"Not here yet; the first training downloads about {download}.{room}"
    if files.state is BaseState.PARTIAL:
        return f"{here} of about {download} are here; the next training goes on with the download."
    if files.state is BaseState.HERE:
        return f"On this computer, {here}."
    if files.state is BaseState.LOST:
        return f"Your folder {files.folder} cannot be used. {files.says}"
    return f"Your folder {files.folder}. It is only read."
