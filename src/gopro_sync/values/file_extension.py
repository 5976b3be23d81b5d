"""What a file's extension implies: whether it is a video or a picture, and its MIME type. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# The type for "any bytes": https://www.rfc-editor.org/rfc/rfc2046#section-4.5.1
_UNKNOWN: Final = "application/octet-stream"

# The extensions of cameras, and of the phones whose videos GoPro's app uploads. Only registered types are stated:
# https://www.iana.org/assignments/media-types/media-types.xhtml#video
# `.360` has none, and a player that takes it for a plain MP4 shows only part of the sphere: it needs GoPro's own player
# (github.com/trek-view/gopro-metadata, max/README.md). `.lrv` is an MP4 of low resolution (fusion/README.md there).
_TYPES: Final[Mapping[str, str]] = {
    "360": _UNKNOWN,
    "3gp": "video/3gpp",
    "avi": _UNKNOWN,
    "lrv": "video/mp4",
    "m4v": "video/mp4",
    "mkv": "video/matroska",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "mpg": "video/mpeg",
    "webm": _UNKNOWN,
}
# A camera's own proxy has a complete name, and is no recording.
_OF_PROXIES: Final = frozenset({"lrv"})
# In lower case and without dots, like those of pictures.
VIDEO_EXTENSIONS: Final = frozenset(_TYPES) - _OF_PROXIES
IMAGE_EXTENSIONS: Final = frozenset({"gpr", "heic", "jpeg", "jpg", "png"})


def is_video_extension(extension: str) -> bool:
    """Return whether files with this extension, in either case and without a dot, are videos or the proxies of one."""
    return extension.casefold() in _TYPES


def content_type_of(name: str) -> str:
    """Return the MIME type of a file or an object, by the extension of its name in either case."""
    _, dot, extension = name.rpartition(".")
    return _TYPES.get(extension.casefold(), _UNKNOWN) if dot else _UNKNOWN
