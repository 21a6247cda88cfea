"""Replies read piece by piece, unpacked no further than their limit.

httpx unpacks each piece whole: 64 KB of gzip become 64 MB before anybody can count them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

ACCEPTED = "gzip"
_PLAIN = frozenset({"", "identity"})
_GZIP = frozenset({"gzip", "x-gzip"})
_PIECE = 256 * 1024
_WITH_GZIP_HEADER = 31


class UnknownPacking(Exception):
    """The bytes are packed in a way that nobody asked for, or are not what they claim to be."""


def unpacked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the bytes behind a content encoding, at most 256 KB at a time from a packed one.

    Raises `UnknownPacking`.
    """
    name = encoding.strip().lower()
    if name in _PLAIN:
        yield from pieces
    elif name in _GZIP:
        yield from _from_gzip(pieces)
    else:
        raise UnknownPacking(name[:40])


def read_up_to(limit: int, pieces: Iterable[bytes]) -> bytes | None:
    """Return all bytes, or None when there are more than the limit; no more than that is held."""
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > limit:
            return None
    return bytes(data)


def _from_gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacker, begun = zlib.decompressobj(_WITH_GZIP_HEADER), False
    for packed in pieces:
        rest = packed
        while rest and not unpacker.eof:
            begun = True
            try:
                piece = unpacker.decompress(rest, _PIECE)
            except zlib.error as error:
                raise UnknownPacking(str(error)) from error
            rest = unpacker.unconsumed_tail
            if piece:
                yield piece
    if begun and not unpacker.eof:
        raise UnknownPacking("cut in the middle")
