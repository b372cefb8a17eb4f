"""Adherence over HTTP."""

from datetime import date
from uuid import UUID

from healthprotocol.api.gate import Gate
from healthprotocol.api.paging import Page
from healthprotocol.api.routing import Answer, Declare
from healthprotocol.care.adherence import schemas, service
from healthprotocol.care.assignments.model import AssignmentId
from healthprotocol.care.patients.model import PatientId
from healthprotocol.care.protocols.model import ProtocolId
from healthprotocol.foundation.flags.declaration import boolean
from healthprotocol.trust.permissions.model import Permission

# For browsers: the second sum of the overview, which a database that is short of breath can be spared.
BY_PROTOCOL = boolean(
    "overview.by-protocol",
    default=True,
    owner="platform",
    description="The overview says how well each protocol is followed; off, it asks the database for one sum less.",
    created_on=date(2026, 11, 22),
    for_client=True,
)

declare = Declare("adherence")


@declare.get(
    "/api/v1/patients/{patient_id:uuid}/adherence",
    policy=Permission.ADHERENCE_READ,
    returns=schemas.AdherenceOut,
    query=schemas.AdherenceQuery,
    summary="How a patient follows her plans",
)
async def read_patient_adherence(gate: Gate, patient_id: UUID) -> Answer:
    query = gate.query(schemas.AdherenceQuery)
    return await gate.read(
        lambda tx: service.of_patient(
            tx, gate.actor, PatientId(patient_id), from_on=query.first, to_on=query.last, at=query.at
        ),
        schemas.report,
    )


@declare.get(
    "/api/v1/assignments/{assignment_id:uuid}/adherence",
    policy=Permission.ADHERENCE_READ,
    returns=schemas.AdherenceOut,
    query=schemas.AdherenceQuery,
    summary="How an assignment is followed",
)
async def read_assignment_adherence(gate: Gate, assignment_id: UUID) -> Answer:
    query = gate.query(schemas.AdherenceQuery)
    return await gate.read(
        lambda tx: service.of_assignment(
            tx, gate.actor, AssignmentId(assignment_id), from_on=query.first, to_on=query.last, at=query.at
        ),
        schemas.report,
    )


@declare.get(
    "/api/v1/protocols/{protocol_id:uuid}/adherence",
    policy=Permission.ADHERENCE_READ,
    returns=schemas.AdherenceOut,
    query=schemas.SumQuery,
    summary="How all patients follow a protocol",
)
async def read_protocol_adherence(gate: Gate, protocol_id: UUID) -> Answer:
    query = gate.query(schemas.SumQuery)
    return await gate.read(
        lambda tx: service.of_protocol(tx, gate.actor, ProtocolId(protocol_id), from_on=query.first, to_on=query.last),
        schemas.report,
        may_lag=True,
    )


@declare.get(
    "/api/v1/organisation/adherence",
    policy=Permission.ADHERENCE_READ,
    returns=schemas.AdherenceOut,
    query=schemas.SumQuery,
    summary="How all patients of the organisation follow their plans",
)
async def read_organisation_adherence(gate: Gate) -> Answer:
    query = gate.query(schemas.SumQuery)
    return await gate.read(
        lambda tx: service.of_protocol(tx, gate.actor, None, from_on=query.first, to_on=query.last),
        schemas.report,
        may_lag=True,
    )


@declare.get(
    "/api/v1/adherence",
    policy=Permission.ADHERENCE_READ,
    returns=Page[schemas.RankedOut],
    query=schemas.RankingQuery,
    summary="Running plans, patients or protocols, worst first",
)
async def rank_adherence(gate: Gate) -> Answer:
    query = gate.query(schemas.RankingQuery)
    return await gate.read(
        lambda tx: service.ranking(
            tx,
            gate.actor,
            query.group_by,
            from_on=query.first,
            to_on=query.last,
            order_by=query.order_by,
            limit=query.page_size,
        ),
        schemas.ranking,
        may_lag=True,
    )


ROUTES = [
    read_patient_adherence,
    read_assignment_adherence,
    read_protocol_adherence,
    read_organisation_adherence,
    rank_adherence,
]
