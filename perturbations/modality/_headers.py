"""What a picture's file says of itself before it is decoded: its size, how it is turned, whether it moves."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator

__all__ = ["dimensions", "format_of", "orientation", "unsupported"]

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"BM", "bmp"), (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"), (b"\x00\x00\x00\x0cjP  ", "jpeg 2000"), (b"\xff\x4f\xff\x51", "jpeg 2000"),
    (b"GIF8", "gif"), (b"%PDF", "pdf"), (b"\x1a\x45\xdf\xa3", "matroska"), (b"8BPS", "photoshop"),
    (b"\x00\x00\x01\x00", "ico"), (b"II+\x00", "bigtiff"), (b"MM\x00+", "bigtiff"),
)  # fmt: skip
_OPEN = ("jpeg", "png", "bmp", "tiff", "jpeg 2000", "webp", "pnm", "avif")
_BRANDS = {b"avif": "avif", b"avis": "avif", b"jpx ": "jpeg 2000", b"jp2 ": "jpeg 2000"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"heis"), "heic"
)


def format_of(content: bytes) -> str | None:
    """Return the name of a file's format by its first bytes, or nothing where it is none that is known."""
    if content[:4] == b"RIFF" and content[8:12] in (b"WEBP", b"AVI "):
        return content[8:12].decode().strip().lower()
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12], "mp4")
    if content[:1] == b"P" and re.match(rb"P[1-6]\s", content):
        return "pnm"
    return next((name for start, name in _SIGNATURES if content.startswith(start)), None)


def unsupported(content: bytes, found: str) -> str | None:
    """Return what a file of some format is where it is a picture, but none that is read here: it is not damaged."""
    if found not in _OPEN:
        return found.upper()
    if found == "png" and any(kind == b"acTL" for kind, _ in _png(content)):
        return "a moving picture (APNG)"
    if found == "webp" and any(kind == b"VP8X" and body[:1] and body[0] & 2 for kind, body in _riff(content)):
        return "a moving picture (WebP)"
    if found == "jpeg 2000" and re.search(rb"colr\x01..\x00\x00\x00\x12", content[:4096], re.DOTALL):
        return "a JPEG 2000 in YCC colours"
    if found == "tiff":
        return _odd_tiff(content)
    if found == "avif" and re.search(rb"irot|imir|avis", content[:8192]):
        return "a turned, mirrored or moving AVIF"
    return None


def _odd_tiff(content: bytes) -> str | None:
    """Return what a TIFF is where one picture of it would stand for several, or its colours would come out wrong."""
    try:
        first, after = _tiff_directory(content)
        if first.get(262) in (8, 9, 10):
            return "a TIFF in L*a*b* colours"
        while after:
            page, after = _tiff_directory(content, after)
            if not page.get(254, 0) & 1:  # no thumbnail of the first
                return "a TIFF of several pages"
    except (struct.error, RecursionError):
        return None  # its decoder says what is wrong
    return None


def dimensions(content: bytes, found: str) -> tuple[int, int] | None:
    """Return width and height in pixels, as the header of some format says them; nothing where it does not."""
    read = _DIMENSIONS.get(found)
    try:
        return read(content) if read else None
    except (struct.error, IndexError, ValueError):
        return None


def orientation(content: bytes) -> int:
    """Return the EXIF orientation, 1 to 8 (1: upright). That of a TIFF is not read: its decoder turns it."""
    if b"Exif" not in content and b"eXIf" not in content and b"EXIF" not in content:
        return 1
    kind = format_of(content)
    try:
        if kind == "jpeg":
            found = next((b[6:] for marker, b in _jpeg(content) if marker == 0xE1 and b[:6] == b"Exif\0\0"), b"")
        elif kind == "png":
            found = next((body for name, body in _png(content) if name == b"eXIf"), b"")
        elif kind == "webp":
            found = next((body.removeprefix(b"Exif\0\0") for name, body in _riff(content) if name == b"EXIF"), b"")
        else:
            return 1
        turned = _tiff_tags(found).get(274, 1)
    except (struct.error, IndexError):
        return 1
    return turned if 1 <= turned <= 8 else 1


def _jpeg(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the segments before the picture itself."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD8:  # padding, and markers without a length
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        yield marker, content[at + 4 : at + 2 + length]
        if marker == 0xDA:
            return
        at += 2 + max(length, 2)


def _png(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        yield kind, content[at + 8 : at + 8 + length] if kind != b"IDAT" else b""
        at += 12 + length


def _riff(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, at)
        yield kind, content[at + 8 : at + 8 + min(length, 1 << 16)]
        at += 8 + length + length % 2


def _tiff_tags(content: bytes) -> dict[int, int]:
    """Return the whole numbers of a TIFF's first directory, by tag."""
    return _tiff_directory(content)[0]


def _tiff_directory(content: bytes, start: int | None = None) -> tuple[dict[int, int], int]:
    """Return the whole numbers of a directory of a TIFF, by tag, and where the next one stands, or 0; the first one is
    where the header says. One that stands before this one, as in a loop, is none.
    """
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None:
        return {}, 0
    if start is None:
        (start,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, start)
    found = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, _ = struct.unpack_from(order + "HHI", content, at)
        if kind in (3, 4):
            found[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), content, at + 8)[0]
    end = start + 2 + 12 * count
    after = struct.unpack_from(order + "I", content, end)[0] if end + 4 <= len(content) else 0
    return found, after if after > start else 0


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    for marker, body in _jpeg(content):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", body, 1)
            return width, height
    return None


def _webp_size(content: bytes) -> tuple[int, int] | None:
    for kind, body in _riff(content):
        if kind == b"VP8X":
            return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
        if kind == b"VP8L":
            bits = int.from_bytes(body[1:5], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", body, 6)
            return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff_size(content: bytes) -> tuple[int, int] | None:
    tags = _tiff_tags(content)
    return (tags[256], tags[257]) if {256, 257} <= tags.keys() else None


def _bmp_size(content: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", content, 14)[0] == 12:
        old: tuple[int, int] = struct.unpack_from("<HH", content, 18)
        return old
    width, height = struct.unpack_from("<ii", content, 18)
    return abs(width), abs(height)


def _jp2_size(content: bytes) -> tuple[int, int] | None:
    at = content.find(b"\xff\x4f\xff\x51", 0, 1 << 16)
    if at < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", content, at + 8)
    return right - left, bottom - top


def _pnm_size(content: bytes) -> tuple[int, int] | None:
    found = re.match(rb"P[1-6](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})", content[:65536])
    return (int(found[1]), int(found[2])) if found else None


def _avif_size(content: bytes) -> tuple[int, int] | None:
    """Return the largest extent that the file declares for any of its items."""
    head = content[: 1 << 16]
    sizes = [struct.unpack_from(">II", head, found.end() + 4) for found in re.finditer(b"ispe", head)]
    return max(sizes, key=lambda size: size[0] * size[1]) if sizes else None


_DIMENSIONS: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "jpeg": _jpeg_size,
    "png": lambda content: struct.unpack_from(">II", content, 16),
    "bmp": _bmp_size,
    "tiff": _tiff_size,
    "jpeg 2000": _jp2_size,
    "webp": _webp_size,
    "pnm": _pnm_size,
    "avif": _avif_size,
}
