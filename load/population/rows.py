"""The rows that a part of the data set is written as, by table, and the columns they are of."""

from typing import Any

COLUMNS: dict[str, tuple[str, ...]] = {
    "subject_key": (
        "organisation_id", "subject_id", "version", "key_id", "wrapped", "wrapping_version", "state", "created_at",
    ),
    "patient": (
        "organisation_id", "id", "status", "given_name_ct", "family_name_ct", "birth_date_ct", "sex_ct", "email_ct",
        "phone_ct", "address_ct", "language_ct", "email_bidx", "phone_bidx", "name_birth_bidx", "time_zone",
        "created_at", "created_by", "updated_at",
    ),
    "patient_identifier": ("organisation_id", "patient_id", "position", "system", "value_ct", "value_bidx"),
    "assignment": (
        "organisation_id", "id", "patient_id", "protocol_id", "version", "status", "starts_on", "ends_on", "time_zone",
        "segments", "pauses", "stopped_at", "reason_ct", "assigned_at", "assigned_by", "updated_at",
    ),
    "entry": (
        "organisation_id", "id", "patient_id", "assignment_id", "activity_key", "occurrence_id", "planned_on",
        "outcome", "late", "replaces", "client_id", "content_ct", "effective_at", "recorded_at", "recorded_by",
    ),
    "entry_client": ("organisation_id", "patient_id", "client_id", "entry_id", "content_hash"),
    "adherence_day": (
        "organisation_id", "assignment_id", "day", "activity_key", "patient_id", "protocol_id", "completed", "skipped",
        "missed", "on_time",
    ),
    "adherence_cover": ("organisation_id", "assignment_id", "covered_at", "recount_from", "next_due_at"),
    "alert": (
        "organisation_id", "id", "patient_id", "assignment_id", "rule", "activity_key", "severity", "status",
        "entry_id", "detail_ct", "opened_at", "clear_since", "ended_at", "escalate_at", "resolved_at",
    ),
    "alert_watch": ("organisation_id", "assignment_id", "looked_at", "next_look_at", "is_stale"),
    "audit_event": (
        "organisation_id", "at", "id", "actor_id", "actor_role", "session_hash", "action", "object_type", "object_id",
        "subject_id", "subject_ids", "outcome", "purpose", "request_id", "address_ct", "detail_ct", "salt", "leaf",
        "epoch",
    ),
}  # fmt: skip


class Rows:
    """What waits to be written, as tuples in the order of the columns."""

    def __init__(self) -> None:
        self.of: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}

    def add(self, table: str, *values: Any) -> None:
        """Keep one row."""
        self.of[table].append(values)
