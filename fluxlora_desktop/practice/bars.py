"""Progress bars as tqdm prints them, which trainers leave in their logs."""

_BLOCKS = " ▏▎▍▌▋▊▉█"


def draw_bar(done: int, total: int) -> str:
    """Return percent and bar as tqdm draws them, ten characters wide, without the last border."""
    eighths = done * 80 // max(1, total)
    whole, part = divmod(eighths, 8)
    drawn = "█" * whole + (_BLOCKS[part] + " " * (9 - whole) if whole < 10 else "")
    return f"{100 * done / max(1, total):3.0f}%|{drawn}"


def show_time(seconds: float) -> str:
    """Return a duration as minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def show_rate(seconds_per_step: float) -> str:
    """Return a pace, by the step or by the second, whichever is above one."""
    if seconds_per_step > 1:
        return f"{seconds_per_step:5.2f}s/it"
    return f"{1 / seconds_per_step:5.2f}it/s"
