"""The zip of photos that a trainer is given, and what Replicate's says about a bad one."""

from fluxlora_desktop.practice.photo_zip import NotAZip, PhotoList, PhotoZip, list_photos


class ZipTrouble(Exception):
    """The trainer cannot read what it was given."""


def find_photos(zip_file: PhotoZip | None) -> PhotoList:
    """List the photos; raises `ZipTrouble` in the trainer's words."""
    if zip_file is None:
        raise ZipTrouble("HTTP Error 404: Not Found")
    try:
        return list_photos(zip_file)
    except NotAZip as error:
        raise ZipTrouble("input_images must be a zip file") from error
