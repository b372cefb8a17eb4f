"""Roles, and the permissions that routes name as their policy."""

from enum import StrEnum


class Role(StrEnum):
    """What an account is. One role an account."""

    ADMIN = "admin"
    CLINICIAN = "clinician"
    COORDINATOR = "coordinator"
    AUDITOR = "auditor"
    PATIENT = "patient"
    SERVICE = "service"


class Permission(StrEnum):
    """One kind of act on one noun. A bearer token's scopes are these names."""

    PATIENT_READ = "patient.read"
    PATIENT_WRITE = "patient.write"
    PATIENT_ERASE = "patient.erase"
    PATIENT_EXPORT = "patient.export"

    PROTOCOL_READ = "protocol.read"
    PROTOCOL_WRITE = "protocol.write"
    PROTOCOL_PUBLISH = "protocol.publish"

    ASSIGNMENT_READ = "assignment.read"
    ASSIGNMENT_WRITE = "assignment.write"

    ENTRY_READ = "entry.read"
    ENTRY_WRITE = "entry.write"

    ADHERENCE_READ = "adherence.read"

    ALERT_READ = "alert.read"
    ALERT_WRITE = "alert.write"

    MESSAGE_READ = "message.read"
    MESSAGE_WRITE = "message.write"

    EVENT_READ = "event.read"

    OPERATION_READ = "operation.read"
    OPERATION_WRITE = "operation.write"

    SESSION_OWN = "session.own"

    ACCOUNT_READ = "account.read"
    ACCOUNT_WRITE = "account.write"

    TOKEN_READ = "token.read"  # noqa: S105 - a name, no secret
    TOKEN_WRITE = "token.write"  # noqa: S105 - a name, no secret

    ORGANISATION_READ = "organisation.read"
    ORGANISATION_WRITE = "organisation.write"

    AUDIT_READ = "audit.read"

    SETTING_READ = "setting.read"
    SETTING_WRITE = "setting.write"


ALL_SCOPES = "*"
