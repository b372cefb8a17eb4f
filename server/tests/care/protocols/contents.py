"""Contents of care protocols, as hypothesis makes them up: every shape that the rules accept."""

from datetime import time
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from healthprotocol.care.protocols.model import (
    Activity,
    ActivityKind,
    AnswerOption,
    Kept,
    Measurement,
    Medication,
    Phase,
    ProtocolContent,
    Quantity,
    Questionnaire,
    QuestionnaireItem,
    Reminder,
    Schedule,
    ScoreBand,
    Scoring,
    ValueRange,
)
from healthprotocol.care.protocols.rules.content_check import check_content
from healthprotocol.care.protocols.rules.sanitised import sanitised
from healthprotocol.care.protocols.rules.schedule_check import check_schedule
from tests.support.schedules import schedules

# No half surrogates and no U+0000, which no file can hold; everything else may come, blanks and line ends too.
_characters = st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00")
_numbers = st.integers(-1_000, 1_000).map(float) | st.floats(-1e6, 1e6, allow_nan=False).map(
    lambda x: round(x, 4) + 0.0
)
_keys = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,20}", fullmatch=True)
_codes = st.sampled_from(["8867-4", "85354-9", "8480-6", "8462-4", "29463-7", "4548-4"])
_units = st.sampled_from(["mm[Hg]", "/min", "kg", "%", "Cel", "mmol/L"])


def texts(most: int, *, least: int = 0) -> st.SearchStrategy[str]:
    """Texts of `least` to `most` characters, or up to 30 when `most` is more; words more often than noise."""
    words = st.text(st.sampled_from("abc ÄßÉ-_'\"<&>\n\t:#|1e.08:00no~"), min_size=least, max_size=min(most, 30))
    return words | st.text(_characters, min_size=least, max_size=min(most, 30))


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def ranges(draw: st.DrawFn) -> ValueRange:
    low, high = sorted([draw(_numbers), draw(_numbers)])
    return ValueRange(low=draw(st.sampled_from([None, low])), high=draw(st.sampled_from([None, high])))


_quantity: dict[str, st.SearchStrategy[Any]] = {
    "code": _codes,
    "unit": _units,
    "display": _maybe(texts(200)),
    "plausible_range": _maybe(ranges()),
    "target_range": _maybe(ranges()),
    "alert_thresholds": _maybe(ranges()),
}
_measurements = st.builds(
    Measurement,
    **_quantity,
    components=st.lists(st.builds(Quantity, **_quantity), max_size=3, unique_by=lambda each: each.code).map(tuple),
)
_medications = st.builds(
    Medication, name=texts(200), dose=_maybe(texts(200)), code=_maybe(texts(64, least=1)), system=_maybe(texts(200))
)


_link_ids = st.lists(texts(255, least=1), min_size=1, max_size=4, unique=True)
_options = st.builds(AnswerOption, value=texts(200, least=1), label=_maybe(texts(500)), score=_maybe(_numbers))
_bands = st.builds(
    lambda low, label, severity: ScoreBand(low=low, high=low + 4, label=label, severity=severity),
    _numbers,
    texts(200),
    st.sampled_from(["none", "low", "moderate", "high"]),
)
_items = st.builds(
    QuestionnaireItem,
    link_id=st.just("-"),
    text=texts(4000),
    type=st.sampled_from(["choice", "boolean", "integer", "decimal", "text", "date", "display"]),
    required=st.booleans(),
    options=st.lists(_options, min_size=1, max_size=3, unique_by=lambda each: each.value).map(tuple),
    range=_maybe(ranges()),
)
_scorings = st.builds(
    Scoring,
    method=st.sampled_from(["sum", "mean"]),
    minimum_answered=_maybe(st.just(1)),
    bands=st.lists(_bands, max_size=2).map(tuple),
)
_questionnaires = st.builds(
    Questionnaire, title=_maybe(texts(200)), code=_maybe(texts(64, least=1)), scoring=_maybe(_scorings)
)


@st.composite
def questionnaires(draw: st.DrawFn) -> Questionnaire:
    link_ids = draw(_link_ids)
    items = [msgspec.structs.replace(draw(_items), link_id=link_id) for link_id in link_ids]
    items[0] = msgspec.structs.replace(items[0], type="choice")
    items = [each if each.type == "choice" else msgspec.structs.replace(each, options=()) for each in items]
    questionnaire = msgspec.structs.replace(draw(_questionnaires), items=tuple(items))
    if questionnaire.scoring is None or not draw(st.booleans()):
        return questionnaire
    chosen = tuple(link_ids[: draw(st.integers(0, len(link_ids)))])
    scoring = msgspec.structs.replace(questionnaire.scoring, items=chosen, reversed_items=chosen[:1])
    return msgspec.structs.replace(questionnaire, scoring=scoring)


_reminders = st.lists(st.integers(-20_160, 20_160).map(lambda after: Reminder(after_minutes=after)), max_size=3)
_our_part: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "reminders": _reminders.map(tuple),
        "lead_minutes": st.integers(0, 527_040),
        "duration": st.sampled_from([0.5, 20.0]),
    },
)
_planned = schedules()


@st.composite
def _schedules(draw: st.DrawFn) -> Schedule:
    fields: dict[str, Any] = {**draw(_our_part)}
    if "duration" in fields:
        fields["duration_unit"] = "min"
    return msgspec.structs.replace(draw(_planned), **fields)


_activities = st.builds(
    Activity,
    key=st.just("-"),
    kind=st.sampled_from(get_args(ActivityKind)),
    title=texts(200, least=1),
    instructions=_maybe(texts(20_000)),
    clinician_instructions=_maybe(texts(20_000)),
    schedule=_schedules() | st.sampled_from([Schedule(), Activity(key="-", kind="task", title="-").schedule]),
    measurement=_maybe(_measurements),
    questionnaire=_maybe(questionnaires()),
    medication=_maybe(_medications),
)


@st.composite
def activities(draw: st.DrawFn, key: str, *, start_day: int, length_days: int, duration_days: int) -> Activity:
    activity = msgspec.structs.replace(draw(_activities), key=key)
    faults = check_schedule(
        activity.schedule, phase_length_days=length_days, duration_days=duration_days, phase_start_day=start_day
    )
    lacks = {"measurement": activity.measurement, "questionnaire": activity.questionnaire}
    return msgspec.structs.replace(
        activity,
        kind="task" if lacks.get(activity.kind, activity) is None else activity.kind,
        schedule=Schedule(time_of_day=(time(8),)) if faults else activity.schedule,
    )


_kept = st.lists(st.builds(Kept, pointer=texts(200), what=texts(200), text=texts(200)), max_size=2).map(tuple)
_titles = texts(100, least=3).filter(lambda text: len(text.strip()) >= 3)
_bare = st.builds(
    ProtocolContent,
    title=_titles,
    description=texts(1000),
    duration_days=st.integers(1, 365),
    content=texts(1000).map(sanitised),
    patient_content=_maybe(texts(1000).map(sanitised)),
    category=_maybe(texts(64)),
    tags=st.lists(texts(40, least=1), max_size=3).map(tuple),
    languages=st.lists(texts(35, least=2), max_size=3).map(tuple),
    kept=_kept,
)
_phases = st.builds(
    Phase, title=texts(200, least=1), description=_maybe(texts(2000)), start_day=st.just(1), length_days=st.just(1)
)


@st.composite
def contents(draw: st.DrawFn, *, with_kept: bool = True) -> ProtocolContent:
    """A content that the rules accept as a draft."""
    bare = draw(_bare)
    duration = bare.duration_days
    keys = draw(st.lists(_keys, min_size=1, max_size=3, unique=True))
    phases: list[Phase] = []
    for left in range(draw(st.sampled_from([1, 2, 3, 0])), 0, -1):
        start = draw(st.integers(1, duration))
        days = {"start_day": start, "length_days": draw(st.integers(1, duration - start + 1))}
        taken = [keys.pop() for _ in range(len(keys) if left == 1 else draw(st.integers(0, len(keys))))]
        within = tuple(draw(activities(key, duration_days=duration, **days)) for key in taken)
        phases.append(msgspec.structs.replace(draw(_phases), activities=within, **days))
    content = msgspec.structs.replace(bare, phases=tuple(phases), kept=bare.kept if with_kept else ())
    assert check_content(content) == []
    return content
