"""The command `fluxlora-desktop`: flags and exit codes; nothing heavy before they are read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fluxlora_desktop import __version__

SERVICES_FLAG = "--practice-services"
PHOTOS_FLAG = "--photo-worker"
EXPRESSIONS_FLAG = "--expression-worker"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the app and return its exit code: 0, or 1 when the self-test failed, 2 for bad flags.

    `--check-library` ends with 1 when it found something, with 2 when it could read nothing.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == [SERVICES_FLAG]:
        from fluxlora_desktop.practice.__main__ import main as serve

        return serve(arguments[1:])
    if arguments == [PHOTOS_FLAG]:
        from fluxlora_desktop.imaging.worker import main as read_photos

        return read_photos()
    if arguments == [EXPRESSIONS_FLAG]:
        from fluxlora_desktop.system.expressions import main as search

        return search()
    read = parse(arguments)
    if read.check_library:
        from fluxlora_desktop.checkup import run as check

        return check(read.data_dir, practice=read.practice)
    from fluxlora_desktop.app import Options, run

    options = Options(
        data_dir=read.data_dir,
        practice=read.practice,
        photos=read.photos,
        out=read.out,
        route=read.route,
        exit_after_first_paint=read.exit_after_first_paint,
        files=tuple(read.files),
    )
    if read.self_test:
        from fluxlora_desktop.selftest import run as run_self_test

        return run_self_test(options)
    return run(options)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the flags; leaves the program with a sentence for flags that make no sense."""
    parser = argparse.ArgumentParser(
        prog="fluxlora-desktop",
        description="Photos in, your own FLUX LoRA out, pictures from it.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"FluxLoRA Desktop {__version__}")
    parser.add_argument("--data-dir", type=Path, help="keep library and settings in this folder")
    parser.add_argument(
        "--practice", action="store_true", help="play with services on this computer, free"
    )
    parser.add_argument(
        "--self-test", action="store_true", help="go the whole way in practice mode and report"
    )
    parser.add_argument(
        "--check-library",
        action="store_true",
        help="list everything that does not fit together in the library; changes nothing",
    )
    parser.add_argument("--photos", type=Path, help="photos for the self-test")
    parser.add_argument("--out", type=Path, help="where the self-test leaves its report")
    parser.add_argument(
        "--route",
        choices=("replicate", "together"),
        help="where the self-test uses its LoRA: trained at Replicate, or for Together at fal",
    )
    parser.add_argument("--exit-after-first-paint", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", type=Path, help="photos to begin with")
    read = parser.parse_args(arguments)
    if (read.photos or read.out or read.route) and not read.self_test:
        parser.error("--photos, --out and --route belong to --self-test")
    if read.check_library and (read.self_test or read.files):
        parser.error("--check-library goes with --data-dir and --practice only")
    if read.photos and not read.photos.is_dir():
        parser.error(f"--photos: {read.photos} is not a folder")
    return read


if __name__ == "__main__":
    raise SystemExit(main())
