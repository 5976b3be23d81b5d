"""Draw how a video gets from GoPro Cloud to Glacier Deep Archive, as docs/flow.svg. Pure.

.venv/bin/python -m docs.tools.flow_picture docs/flow.svg

No font of the reader's can make a text leave its box. Each text has a ``textLength``, to which browsers fit its letters
whatever the font is; and each box is as wide as its longest text in a wide font, for what draws SVG without that.
https://www.w3.org/TR/SVG2/text.html#TextElementTextLengthAttribute
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

_TITLE: Final = "How a video gets from GoPro Cloud to Glacier Deep Archive"
_DESCRIPTION: Final = (
    "EventBridge Scheduler starts the state machine every night. It authenticates, lists the library, downloads the "
    "new videos, five at a time, and sums up. A video whose retries are used up is marked as failed, and a notice is "
    "sent. The bytes go from GoPro Cloud to the S3 archive bucket in eight ranged streams, and within it from Standard "
    "to Instant Retrieval and to Deep Archive. DynamoDB holds a record of each video, SQS each failed video; SNS sends "
    "the notices."
)

# In pixels. A monospaced font has letters of 0.6 of its size, DejaVu Sans Bold, a wide one, of 0.7 on the average.
_NAME_SIZE: Final = 13
_NOTE_SIZE: Final = 12
_USUAL_LETTER: Final = 0.6
_WIDE_LETTER: Final = 0.7
_LINE: Final = 17
_BELOW_BASELINE: Final = 4
_PADDING: Final = 9
_MARGIN: Final = 20
_GAP: Final = 28
_DROP: Final = 44
_INSIDE: Final = 14

_STYLE: Final = """\
    text { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; text-anchor: middle }
    .name { font-weight: bold; fill: #1f2328 }
    .note { fill: #424a53 }
    rect { stroke-width: 1.4 }
    .page { fill: #f6f8fa }
    .label { fill: none }
    .plain { fill: #ffffff; stroke: #57606a }
    .map { fill: none; stroke: #57606a; stroke-dasharray: 5 4 }
    .aws { fill: #fff8f0; stroke: #d9730d }
    .task { fill: #fff1e0; stroke: #d9730d }
    .store { fill: #eef6ee; stroke: #2f7d32 }
    .bad { fill: #fdeeee; stroke: #b3261e }
    path { fill: none; stroke: #57606a; stroke-width: 1.6; marker-end: url(#tip) }
    .bytes { stroke: #0969da; stroke-width: 5; marker-end: url(#thick) }
    marker path { stroke: none; fill: #57606a; marker-end: none }
    #thick path { fill: #0969da }"""

_MARKERS: Final = """\
    <marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">
      <path d="M0 0 L10 5 L0 10 z"/>
    </marker>
    <marker id="thick" viewBox="0 0 10 10" refX="6" refY="5" markerWidth="3.4" markerHeight="3.4" orient="auto">
      <path d="M0 0 L10 5 L0 10 z"/>
    </marker>"""


@dataclass(frozen=True, slots=True)
class Words:
    """What a box says: a name in bold, in one or more lines, and notes below it."""

    name: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def width(self) -> int:
        """Return the pixels that a box for it needs, in a wide font."""
        widest = [len(line) * _NAME_SIZE for line in self.name] + [len(line) * _NOTE_SIZE for line in self.notes]
        return round(max(widest) * _WIDE_LETTER) + 2 * _PADDING

    def height(self) -> int:
        """Return the pixels that a box for it needs."""
        return (len(self.name) + len(self.notes)) * _LINE + 2 * _PADDING


@dataclass(frozen=True, slots=True)
class Box:
    """A box on the page.

    Attributes:
        kind: its class in the style sheet.
        is_frame: whether it holds other boxes, with its own words above them.
    """

    kind: str
    words: Words
    x: int
    y: int
    width: int
    height: int
    is_frame: bool = False

    @property
    def right(self) -> int:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The lower edge."""
        return self.y + self.height

    @property
    def centre(self) -> int:
        """The middle from left to right."""
        return self.x + self.width // 2

    @property
    def middle(self) -> int:
        """The middle from top to bottom."""
        return self.y + self.height // 2

    def drawn(self) -> Iterator[str]:
        """Yield its rectangle and its lines of text."""
        place = f'x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}"'
        yield f'  <rect class="{self.kind}" {place} rx="6"/>'
        lines = [("name", _NAME_SIZE, line) for line in self.words.name]
        lines += [("note", _NOTE_SIZE, line) for line in self.words.notes]
        above = 0 if self.is_frame else (self.height - self.words.height()) // 2
        for number, (style, size, line) in enumerate(lines, start=1):
            baseline = self.y + above + _PADDING + number * _LINE - _BELOW_BASELINE
            yield (
                f'  <text class="{style}" x="{self.centre}" y="{baseline}" font-size="{size}" '
                f'textLength="{round(len(line) * size * _USUAL_LETTER)}" lengthAdjust="spacingAndGlyphs">'
                f"{escape(line)}</text>"
            )


def _box(kind: str, words: Words, *, x: int, y: int, width: int = 0, height: int = 0) -> Box:
    """Return a box that is at least as large as its words need."""
    return Box(kind, words, x, y, max(width, words.width()), max(height, words.height()))


def _row(boxes: Sequence[tuple[str, Words]], *, x: int, y: int, gap: int = _GAP) -> list[Box]:
    """Return boxes of one height, from left to right."""
    height = max(words.height() for _, words in boxes)
    row: list[Box] = []
    for kind, words in boxes:
        row.append(_box(kind, words, x=row[-1].right + gap if row else x, y=y, height=height))
    return row


def _centred(kind: str, words: Words, *, centre: int, y: int) -> Box:
    return _box(kind, words, x=centre - words.width() // 2, y=y)


def _around(kind: str, words: Words, boxes: Sequence[Box]) -> Box:
    """Return a box around others, with its own words above them."""
    x = min(box.x for box in boxes) - _INSIDE
    y = min(box.y for box in boxes) - words.height()
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    return Box(kind, words, x, y, right + _INSIDE - x, bottom + _INSIDE - y, is_frame=True)


def _path(commands: str, kind: str = "") -> str:
    return f'  <path{f' class="{kind}"' if kind else ""} d="{commands}"/>'


def _rightwards(row: Sequence[Box]) -> list[str]:
    """Return an arrow from each box to the next."""
    return [_path(f"M{box.right} {box.middle} H{following.x - 3}") for box, following in pairwise(row)]


def _downwards(source: Box, target: Box, words: str) -> tuple[str, Box]:
    """Return an arrow, and what stands to the right of it."""
    arrow = _path(f"M{target.centre} {source.bottom} V{target.y - 3}")
    return arrow, _box("label", Words(notes=(words,)), x=target.centre, y=(source.bottom + target.y) // 2 - _LINE)


class _Page:
    """What is drawn: boxes, each above those before it, and arrows above all of them."""

    def __init__(self) -> None:
        self.boxes: list[Box] = []
        self.arrows: list[str] = []

    def draw_run(self) -> tuple[Box, Box]:
        """Draw what one night does; return the box of the state machine, and that of the map over the videos."""
        night = _box(
            "aws", Words(("EventBridge", "Scheduler"), ("every night,", "2 AM CET")), x=_MARGIN, y=_MARGIN + 64
        )
        authenticate, listing, download = _row(
            [
                ("task", Words(("AuthenticateGoPro",), ("session from", "the secret"))),
                ("task", Words(("ListMedia",), ("library minus", "tracker"))),
                ("task", Words(("DownloadVideo",), ("again until", "it is complete"))),
            ],
            x=night.right + _GAP + _INSIDE,
            y=_MARGIN + 88,
            gap=_GAP + _INSIDE // 2,
        )
        videos = _around("map", Words(notes=("DownloadVideos:", "5 at a time")), [download])
        failed = _centred("bad", Words(("MarkVideoFailed",)), centre=videos.centre, y=videos.bottom + _DROP)
        notify = _box("bad", Words(("NotifyPartialFailure",)), x=videos.right + _GAP, y=failed.y)
        summary = _centred(
            "plain", Words(("GenerateSummary",), ("counts, bytes,", "errors")), centre=notify.centre, y=download.y
        )
        failing, retries = _downwards(videos, failed, "retries used up")
        telling, condition = _downwards(summary, notify, "if any failed")
        inside = [authenticate, listing, videos, download, summary, failed, notify, retries, condition]
        machine = _around("aws", Words(("Step Functions: gopro-sync-orchestrator",)), inside)
        self.boxes += [night, machine, *inside]
        start = _path(f"M{night.right} {night.middle} H{machine.x - 3}")
        ending = _path(f"M{videos.right} {summary.middle} H{summary.x - 3}")
        self.arrows += [start, *_rightwards([authenticate, listing, videos]), ending, failing, telling]
        return machine, videos

    def draw_transfer(self, machine: Box, videos: Box) -> int:
        """Draw the way of the bytes below the state machine; return where it ends."""
        top = machine.bottom + _DROP
        classes = _row(
            [
                ("store", Words(("Standard",), ("for 7 days",))),
                ("store", Words(("Instant", "Retrieval"), ("for 7 days",))),
                ("store", Words(("Deep Archive",), ("from then on",))),
            ],
            x=0,
            y=top + _DROP + _LINE,
        )
        shift = machine.right - _INSIDE - classes[-1].right
        classes = [replace(box, x=box.x + shift) for box in classes]
        bucket = _around("store", Words(("S3 archive bucket",), ("gopro-videos/2026/05/GX010456.MP4",)), classes)
        notes = ("camera originals,", "every chapter;", "never changed,", "never deleted")
        gopro = _box("plain", Words(("GoPro Cloud",), notes), x=_MARGIN, y=bucket.y, height=bucket.height)
        centre, middle = (gopro.right + bucket.x) // 2, bucket.middle
        streams = Words(("8 ranged streams,", "nothing on disk"))
        above = _centred("label", streams, centre=centre, y=middle - streams.height())
        below = _centred(
            "label", Words(notes=("each part checksummed", "on the way (CRC64NVME)")), centre=centre, y=middle
        )
        self.boxes += [gopro, bucket, *classes, above, below]
        turn = videos.x - _GAP // 2
        caller = f"M{videos.x} {videos.bottom - 12} H{turn} V{machine.bottom + 16} H{centre} V{above.y}"
        self.arrows += [*_rightwards(classes), _path(caller)]
        self.arrows.append(_path(f"M{gopro.right + 2} {middle} H{bucket.x - 12}", "bytes"))
        return bucket.bottom

    def draw_memory(self, *, top: int, right: int) -> None:
        """Draw what is kept of each video, and who is notified."""
        row = _row(
            [
                (
                    "store",
                    Words(("DynamoDB: gopro-sync-tracker",), ("one record per video:", "status, files, checksums")),
                ),
                ("aws", Words(("SQS: gopro-sync-dead-letters",), ("each video that failed,", "for 14 days"))),
                ("aws", Words(("SNS: gopro-sync-alerts",), ("one message: what happened,", "and what to do"))),
            ],
            x=_MARGIN,
            y=top,
        )
        wider = (right - row[-1].right) // len(row)
        self.boxes += [
            replace(box, x=box.x + number * wider, width=box.width + wider) for number, box in enumerate(row)
        ]

    def svg(self) -> str:
        """Return the page as SVG, with a margin around its boxes."""
        width = max(box.right for box in self.boxes) + _MARGIN
        height = max(box.bottom for box in self.boxes) + _MARGIN
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
                f"  <title>{escape(_TITLE)}</title>",
                f"  <desc>{escape(_DESCRIPTION)}</desc>",
                f"  <style>\n{_STYLE}\n  </style>",
                f"  <defs>\n{_MARKERS}\n  </defs>",
                f'  <rect class="page" width="{width}" height="{height}" rx="8"/>',
                *(line for box in self.boxes for line in box.drawn()),
                *self.arrows,
                "</svg>\n",
            ]
        )


def flow_picture() -> str:
    """Draw the picture, as SVG."""
    page = _Page()
    machine, videos = page.draw_run()
    end = page.draw_transfer(machine, videos)
    page.draw_memory(top=end + _GAP, right=machine.right)
    return page.svg()


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the picture into the file that is named."""
    parser = argparse.ArgumentParser(prog="python -m docs.tools.flow_picture", description=_TITLE)
    parser.add_argument("file", type=Path, help="the SVG file to write")
    parser.parse_args(arguments).file.write_text(flow_picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
