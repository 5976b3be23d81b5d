"""Judge the outcome of a run, in words and as an exit code, from the execution's end alone. Pure.

The rules, first match first: a run that did not come to its end cannot run or was stopped; a video that failed, or is
lost, is a failure; what nobody could look at is not checked; what waits for a later run, or is another run's at this
moment, is named and is no failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gopro_sync_cli.exit_codes import ExitCode
from gopro_sync_cli.figures import counted

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
_SUCCEEDED: Final = "SUCCEEDED"
_STOPPED_BY_SOMEBODY: Final = "ABORTED"
_TOO_LONG: Final = "TIMED_OUT"
# Of a run that did its work, and broke on the way to its end; every other error kept it from working.
_BROKE: Final = frozenset(
    {
        "NoticeNotSent",
        "UnexpectedError",
        "States.DataLimitExceeded",
        "States.ExceedToleratedFailureThreshold",
        "States.Runtime",
    }
)
_INPUT_REFUSED: Final = "InvalidEventError"
_COUNTED_BUT_NOT_READ: Final = "malformed"
_LATER: Final = {
    "not_ready": "GoPro is still at work on it",
    "unknown_state": "its state is one that this version does not know",
    "unknown_type": "its type is one that this version does not know",
}
_BYTES_PER_MEGABYTE: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a run.

    Attributes:
        code: how the command ends.
        headline: the verdict, one sentence.
        lines: what a person should know besides.
        is_all: whether nothing is left to do.
        is_about_videos: whether videos may have been archived, have failed, or wait now.
    """

    code: ExitCode
    headline: str
    lines: tuple[str, ...] = ()
    is_all: bool = False
    is_about_videos: bool = True

    @property
    def colour(self) -> str:
        """Green for all archived, yellow for what waits or could not be checked, red for failures only."""
        if self.code in {ExitCode.DONE, ExitCode.NOT_CHECKED}:
            return "green" if self.is_all else "yellow"
        return "bold red"


def verdict_of(*, status: str, output: Mapping[str, Any] | None, error: str | None, cause: str | None) -> Verdict:
    """Return the outcome of a run.

    Args:
        status: of the execution that has ended.
        output: of the execution; None unless it succeeded.
        error: name of the error that ended it.
        cause: its description.
    """
    if status != _SUCCEEDED:
        return _of_failed_execution(status, error, cause)
    run = _Run(output or {})
    if run.is_dry:
        return _of_dry_run(run)
    if not run.says("failed") or not run.says("deferred"):
        return Verdict(code=ExitCode.NOT_CHECKED, headline="The run ended, and does not say what became of the videos.")
    return _of_whole_run(run)


def code_of_chain(verdicts: Sequence[Verdict]) -> ExitCode:
    """Return the code of a run and of those that resumed its backlog: what one left, a later one may have archived.

    Args:
        verdicts: of them, in order; at least one.
    """
    codes = [verdict.code for verdict in verdicts]
    if codes[-1] not in {ExitCode.DONE, ExitCode.NOT_CHECKED}:
        return codes[-1]
    return ExitCode.FAILED if ExitCode.FAILED in codes else codes[-1]


def _of_whole_run(run: _Run) -> Verdict:
    failures, unchecked, later = [*run.failures()], [*run.unchecked()], [*run.left_for_later()]
    lines = (*failures, *unchecked, *later, *run.remarks())
    if failures:
        return Verdict(code=ExitCode.FAILED, headline=f"Something failed. {run.archived()}", lines=lines)
    if unchecked:
        headline = f"Nothing failed, but not everything could be checked. {run.archived()}"
        return Verdict(code=ExitCode.NOT_CHECKED, headline=headline, lines=lines)
    if later:
        return Verdict(code=ExitCode.DONE, headline=f"Nothing failed. {run.archived()}", lines=lines)
    return Verdict(code=ExitCode.DONE, headline=run.all_archived(), lines=lines, is_all=True)


def _of_failed_execution(status: str, error: str | None, cause: str | None) -> Verdict:
    lines = () if error is None else (f"{error}: {cause or 'no cause was given'}",)
    if status == _STOPPED_BY_SOMEBODY:
        headline = "The run was stopped before its end. What is archived is safe; the next run takes the rest."
        return Verdict(code=ExitCode.INTERRUPTED, headline=headline, lines=lines)
    if status == _TOO_LONG:
        headline = "The run did not end in its time. What is archived is safe; the next run takes the rest."
        return Verdict(code=ExitCode.FAILED, headline=headline, lines=lines)
    if error == _INPUT_REFUSED:
        return Verdict(
            code=ExitCode.WRONG_USE,
            headline="The run refused its input; nothing was done.",
            lines=lines,
            is_about_videos=False,
        )
    if error in _BROKE:
        return Verdict(code=ExitCode.FAILED, headline="The run ended with a failure of its own.", lines=lines)
    return Verdict(
        code=ExitCode.CANNOT_RUN,
        headline="The run could not finish. What is archived is safe.",
        lines=lines,
    )


def _of_dry_run(run: _Run) -> Verdict:
    count, size = run.count("videos"), _megabytes(run.count("bytes"))
    headline = f"Dry run, nothing was changed: a run would archive {_videos(count)}, {size}."
    unchecked = [*run.unchecked()]
    lines = (*unchecked, *run.left_for_later(), *run.remarks())
    code = ExitCode.NOT_CHECKED if unchecked else ExitCode.DONE
    return Verdict(code=code, headline=headline, lines=lines, is_all=not unchecked, is_about_videos=False)


@dataclass(frozen=True, slots=True)
class _Run:
    """The output of a run that came to its end, put into sentences."""

    output: Mapping[str, Any]

    @property
    def is_dry(self) -> bool:
        return self.output.get("status") == "DRY_RUN"

    def says(self, name: str) -> bool:
        return type(self.output.get(name)) is int

    def count(self, name: str) -> int:
        return self.output[name] if self.says(name) else 0

    def archived(self) -> str:
        total, before, now = self.count("total_found"), self.count("already_synced"), self.count("synced")
        return f"{before + now} of {_videos(total)} archived, {now} of them in this run."

    def all_archived(self) -> str:
        total, now = self.count("total_found"), self.count("synced")
        if not total:
            return "The library holds no video to archive."
        if self.count("filtered"):
            return f"All that this run was asked for is archived. {self.archived()}"
        what = "Everything that is due" if self._waits() else "Everything"
        return f"{what} is archived: {_videos(total)}, {now} of them in this run."

    def failures(self) -> Iterator[str]:
        if failed := self.count("failed"):
            errors = _by_error(self.output.get("failures"))
            yield f"{_videos(failed)} failed ({errors}); tried again automatically when due."
        if gone := self.count("gone"):
            names = self._named("gone_videos", "filename")
            yield f"{_videos_are(gone)} gone at GoPro, and not archived in full: {names}"
        refused = [row for row in self._rows("unavailable_videos") if row.get("reason") not in _LATER]
        if refused:
            yield f"Asked for, but not available: {_named(refused, 'reason')}"

    def unchecked(self) -> Iterator[str]:
        gap = self.output.get("listing_gap")
        if isinstance(gap, Mapping):
            stated, there, nameless = gap.get("stated"), gap.get("shown"), gap.get("nameless")
            if stated != there:
                yield f"GoPro counts {stated} items and shows {there}: the others could not be checked."
            if nameless:
                yield f"{_items(nameless)} of the listing cannot be asked for, since GoPro gives no id that can be."
        if count := self.count("unrecordable"):
            named = self._named("unrecordable_videos", "reason")
            yield f"{_videos_are(count)} left out, since the record cannot be written or read: {named}"
        if count := self._skipped().get(_COUNTED_BUT_NOT_READ, 0):
            yield f"{_items(count)} of the listing cannot be read (malformed)."

    def left_for_later(self) -> Iterator[str]:
        held = self.count("held_by_another_run")
        # A dry run calls remaining what a run calls deferred.
        left = self.count("deferred") + self.count("remaining") - held
        if held:
            yield f"{_videos_are(held)} held by another run; if that was stopped, a run takes over when its lease ends."
        if left > 0:
            yield self._left(left)
        if postponed := self.count("postponed"):
            yield (
                f"{_videos_are(postponed)} postponed after a failure in an earlier run, and tried again when due. "
                'A run with the input {"redrive": true} does so now.'
            )
        if self.count("waiting_in_vain"):
            named = self._named("waiting_in_vain_videos", "type")
            yield f"Waiting for too long, of a type that this version does not know: {named}"
        if count := self.count("found_without_record"):
            missing = f"{_videos_are(count)} in the bucket but not in the table"
            yield f"{missing}: ./gopro-sync rebuild writes the records again."

    def remarks(self) -> Iterator[str]:
        if filtered := self.count("filtered"):
            yield f"Left to runs without this filter: {_videos(filtered)}."
        skipped = self._skipped()
        for reason, count in self._waits().items():
            waiting = f"{_items(count)} ({reason}). Each run looks again{self._waiting(reason, count)}"
            yield f"Not archived yet, since {_LATER[reason]}: {waiting}"
        others = {reason: count for reason, count in skipped.items() if reason not in {*_LATER, _COUNTED_BUT_NOT_READ}}
        if others:
            yield f"Not videos of the camera: {', '.join(f'{count} {reason}' for reason, count in others.items())}."

    def _waits(self) -> Mapping[str, int]:
        skipped = self._skipped()
        return {reason: skipped[reason] for reason in _LATER if skipped.get(reason)}

    def _waiting(self, reason: str, count: int) -> str:
        """Name those that wait, as far as the output does: a dry run's does not."""
        ids = [str(row.get("media_id")) for row in self._rows("waiting_videos") if row.get("reason") == reason]
        more = f" and {count - len(ids):,} more" if len(ids) < count else ""
        return f": {', '.join(ids)}{more}" if ids else "."

    def _left(self, count: int) -> str:
        if self.is_dry:
            return f"{_videos(count)} would be left for the next run."
        return f"{_videos_are(count)} left for the next run: this one had no more time, or may not take more."

    def _skipped(self) -> Mapping[str, int]:
        skipped = self.output.get("skipped")
        return skipped if isinstance(skipped, Mapping) else {}

    def _rows(self, name: str) -> Sequence[Mapping[str, Any]]:
        rows = self.output.get(name)
        return rows if isinstance(rows, list) else []

    def _named(self, name: str, why: str) -> str:
        return _named(self._rows(name), why)


def _named(rows: Sequence[Mapping[str, Any]], why: str) -> str:
    return ", ".join(f"{row.get('media_id')} ({row.get(why)})" for row in rows)


def _by_error(failures: object) -> str:
    counts = failures if isinstance(failures, Mapping) else {}
    return ", ".join(f"{error}: {count}" for error, count in counts.items()) or "the run does not say why"


def _videos(count: int) -> str:
    return counted(count, "video")


def _videos_are(count: int) -> str:
    return f"{_videos(count)} {'is' if count == 1 else 'are'}"


def _items(count: int) -> str:
    return counted(count, "item")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / _BYTES_PER_MEGABYTE:,.1f} MB"
