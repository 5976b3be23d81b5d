"""Remember what the ETags of the library's files at GoPro have been worth as proof.

It is one record of the tracker's table under a key that no video has. It has no ``status``, so it is in no index.
Deleting it lets the library be judged again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gopro_sync.table.record_update import update_record
from gopro_sync.values.outside_values import text_or_none, whole_number_or_none
from gopro_sync.values.timestamps import iso_utc

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ETAGS_KEY: Final = "#source-etags"

# Three files whose bytes were equal at a second reading are no coincidence: had the ETags been MD5s in a form that is
# tried, each would have matched.
FILES_TO_DECIDE: Final = 3
# Enough for a mismatching ETag to be something new.
FILES_TO_PROVE: Final = 20
# For a mixed library, which is never decided, no more is remembered.
_MOST_MISMATCHES: Final = 100
_MOST_BLOCK_SIZES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EtagEvidence:
    """What is known of a library's ETags.

    Attributes:
        matched_files: how many files have matched their ETag.
        block_sizes: the part sizes at the source that matched, in bytes.
        mismatched_files: those that did not match, and were equal at a second reading; not all if there are many.
        decided_at: when hashing was abandoned, as it was written; None if it was not.
        decided_by: the run that decided it.
    """

    matched_files: int = 0
    block_sizes: frozenset[int] = frozenset()
    mismatched_files: frozenset[str] = frozenset()
    decided_at: str | None = None
    decided_by: str | None = None

    @property
    def are_no_md5s(self) -> bool:
        """Whether the ETags have turned out to be of no use."""
        return self.decided_at is not None

    @property
    def are_proven(self) -> bool:
        """Whether so many have proved right that a mismatch means something."""
        return self.matched_files >= FILES_TO_PROVE * max(1, len(self.mismatched_files))

    def has_room_for(self, block_bytes: int) -> bool:
        """Return whether a part size is new, and not one of so many that none of them is typical of the library."""
        return block_bytes not in self.block_sizes and len(self.block_sizes) < _MOST_BLOCK_SIZES

    @property
    def is_to_be_decided(self) -> bool:
        """Whether the mismatches suffice, and hardly any file has matched."""
        mismatched = len(self.mismatched_files)
        is_enough = mismatched >= FILES_TO_DECIDE and mismatched > FILES_TO_DECIDE * self.matched_files
        return is_enough and not self.are_no_md5s


class SourceEtagRecord:
    """The record.

    All methods raise AccessDeniedError, ConfigurationError (no such table) or TrackerError.

    Args:
        client: a DynamoDB client.
        table_name: the tracker's table.
        clock: returns the time, aware.
    """

    def __init__(self, client: DynamoDBClient, table_name: str, *, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._table_name = table_name
        self._clock = clock

    def known(self) -> EtagEvidence:
        """Return what is known; nothing if there is no record."""
        # A condition that never holds returns the record as it is, with the one permission that exists anyway.
        outcome = update_record(
            self._client,
            self._table_name,
            ETAGS_KEY,
            "REMOVE no_such_field",
            {},
            condition="attribute_exists(media_id) AND attribute_not_exists(media_id)",
        )
        return _evidence_in(outcome.record)

    def note_match(self, block_bytes: int | None) -> EtagEvidence:
        """Count a file that matched its ETag.

        Args:
            block_bytes: the part size at the source, if it is worth remembering.
        """
        values: dict[str, Any] = {":one": 1}
        added = "matched_files :one"
        if block_bytes is not None:
            values[":blocks"] = {block_bytes}
            added += ", block_sizes :blocks"
        # The condition always holds: with one, a write whose answer was lost is not made twice.
        return self._update(f"ADD {added}", values, condition="attribute_not_exists(no_such_field)")

    def note_mismatch(self, file: str, *, run: str) -> EtagEvidence:
        """Record a file that did not match its ETag but equals the source, and decide if it is time.

        Args:
            file: which one; the same file counts once.
            run: the run that archived it.
        """
        evidence = self._update(
            "ADD mismatched_files :files",
            {":files": {file}, ":most": _MOST_MISMATCHES},
            condition="attribute_not_exists(mismatched_files) OR size(mismatched_files) < :most",
        )
        if not evidence.is_to_be_decided:
            return evidence
        return self._update(
            "SET decided_at = :now, decided_by = :run",
            {":now": iso_utc(self._clock()), ":run": run},
            condition="attribute_not_exists(decided_at)",
        )

    def _update(self, expression: str, values: Mapping[str, Any], *, condition: str) -> EtagEvidence:
        outcome = update_record(
            self._client,
            self._table_name,
            ETAGS_KEY,
            expression,
            values,
            condition=condition,
            returns="ALL_NEW",
        )
        return _evidence_in(outcome.record)


def _evidence_in(record: Mapping[str, Any]) -> EtagEvidence:
    return EtagEvidence(
        matched_files=whole_number_or_none(record.get("matched_files")) or 0,
        block_sizes=frozenset(size for size in map(whole_number_or_none, _set(record, "block_sizes")) if size),
        mismatched_files=frozenset(file for file in map(text_or_none, _set(record, "mismatched_files")) if file),
        decided_at=text_or_none(record.get("decided_at")),
        decided_by=text_or_none(record.get("decided_by")),
    )


def _set(record: Mapping[str, Any], name: str) -> set[Any]:
    value = record.get(name)
    return value if isinstance(value, set) else set()
