"""The protocols of the demo are sound, complete in kinds and shapes, and easy to read for patients."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import get_args

import pytest

from healthprotocol.care.protocols.model import (
    Activity,
    ActivityKind,
    Measurement,
    Phase,
    ProtocolContent,
    Quantity,
    Questionnaire,
)
from healthprotocol.care.protocols.rules.content_check import check_content, check_publishable
from healthprotocol.care.protocols.rules.expansion import Frame, planned_between
from healthprotocol.care.protocols.rules.sanitised import sanitised
from healthprotocol.care.protocols.rules.scoring import score_answers
from healthprotocol.cli.demo.library import protocol
from healthprotocol.cli.demo.people import DRAFTS, PROTOCOLS

EVERY = (*PROTOCOLS, *DRAFTS)

# Every field of a schedule but boundsPeriod, which names dates and so does not fit a protocol that anybody may begin.
SHAPES = {
    "bounds_duration", "bounds_range", "count", "count_max", "duration", "duration_max", "duration_unit", "frequency",
    "frequency_max", "period", "period_max", "period_unit", "day_of_week", "time_of_day", "when", "offset",
    "offsets_minutes", "window_minutes", "lead_minutes", "reminders",
}  # fmt: skip


def _activities(content: ProtocolContent) -> Iterator[tuple[Phase, Activity]]:
    for phase in content.phases:
        for activity in phase.activities:
            yield phase, activity


def _quantities(measurement: Measurement) -> tuple[Measurement | Quantity, ...]:
    return measurement.components or (measurement,)


@pytest.mark.parametrize("name", EVERY)
class TestEachProtocol:
    def test_has_no_fault(self, name: str) -> None:
        content = protocol(name)

        assert check_content(content) == []
        assert check_publishable(content) == []

    def test_says_nothing_that_sanitising_takes_away(self, name: str) -> None:
        content = protocol(name)

        for html in (content.content, content.patient_content or ""):
            assert _words(sanitised(html)) == _words(html)
            assert sanitised(html).count("<") == html.count("<")

    def test_has_phases_that_follow_one_another_to_the_last_day(self, name: str) -> None:
        content = protocol(name)

        next_day = 1
        for phase in content.phases:
            assert phase.start_day == next_day
            next_day += phase.length_days
        assert next_day == content.duration_days + 1

    def test_plans_every_activity(self, name: str) -> None:
        content = protocol(name)
        starts_on = date(2026, 3, 2)
        ends_on = starts_on + timedelta(days=content.duration_days - 1)

        for phase, activity in _activities(content):
            anchor_on = starts_on + timedelta(days=phase.start_day - 1)
            frame = Frame(
                time_zone="America/New_York",
                anchor_on=anchor_on,
                last_on=anchor_on + timedelta(days=phase.length_days - 1),
                ends_on=ends_on,
            )
            planned = planned_between(activity.schedule, frame, from_on=starts_on, to_on=ends_on)
            assert planned, f"{name}: {activity.key} is never due"
            assert all(one.opens_at < one.closes_at for one in planned)

    def test_has_ranges_that_lie_in_one_another(self, name: str) -> None:
        for _, activity in _activities(protocol(name)):
            for quantity in _quantities(activity.measurement) if activity.measurement else ():
                plausible, target, alert = quantity.plausible_range, quantity.target_range, quantity.alert_thresholds
                assert plausible is not None, f"{activity.key}: nothing says what cannot be"
                for inner, outer in ((target, alert), (alert, plausible), (target, plausible)):
                    if inner and outer and inner.low is not None and outer.low is not None:
                        assert inner.low >= outer.low, activity.key
                    if inner and outer and inner.high is not None and outer.high is not None:
                        assert inner.high <= outer.high, activity.key

    def test_has_score_bands_without_gap_or_overlap(self, name: str) -> None:
        for _, activity in _activities(protocol(name)):
            if activity.questionnaire is None or activity.questionnaire.scoring is None:
                continue
            bands = activity.questionnaire.scoring.bands
            for before, after in pairwise(bands):
                assert before.high < after.low <= before.high + 1

    def test_tells_the_patient_what_to_do_in_easy_words(self, name: str) -> None:
        content = protocol(name)
        texts = [activity.instructions or "" for _, activity in _activities(content)]

        assert all(texts), "an activity without instructions"
        if content.patient_content:
            texts.append(content.patient_content)
        assert _grade(" ".join(texts)) <= 6.0


class TestAllOfThem:
    def test_are_at_least_eight_to_publish(self) -> None:
        assert len(PROTOCOLS) >= 8

    def test_have_every_kind_of_activity(self) -> None:
        kinds = Counter(activity.kind for name in PROTOCOLS for _, activity in _activities(protocol(name)))

        assert set(kinds) == set(get_args(ActivityKind))
        assert min(kinds.values()) >= 5

    def test_use_every_shape_of_schedule(self) -> None:
        used = {
            field
            for name in PROTOCOLS
            for _, activity in _activities(protocol(name))
            for field in activity.schedule.__struct_fields__
            if getattr(activity.schedule, field) not in (None, ())
        }
        units = {a.schedule.period_unit for name in PROTOCOLS for _, a in _activities(protocol(name))}

        assert used == SHAPES
        assert units >= {"h", "d", "wk", "mo"}

    def test_have_wording_of_their_own_for_patients(self) -> None:
        assert all(protocol(name).patient_content for name in PROTOCOLS)


class TestPhq9:
    def test_scores_0_to_27_with_the_published_bands(self) -> None:
        questionnaire = _questionnaire("depression-follow-up", "phq9")
        scored = [item for item in questionnaire.items if item.options and item.options[0].score is not None]
        bands = [(0, "Minimal"), (5, "Mild"), (10, "Moderate"), (15, "Moderately severe"), (20, "Severe")]

        assert len(scored) == 9
        for total in range(28):
            answers = {
                item.link_id: item.options[min(3, max(0, total - 3 * index))].value for index, item in enumerate(scored)
            }
            score = score_answers(answers, questionnaire)
            assert score is not None
            assert score.value == total
            assert score.band is not None
            assert score.band.label == [label for low, label in bands if total >= low][-1]

    def test_has_no_score_while_an_item_is_missing(self) -> None:
        questionnaire = _questionnaire("depression-follow-up", "phq9")
        answers = {item.link_id: item.options[0].value for item in questionnaire.items[1:9]}

        score = score_answers(answers, questionnaire)

        assert score is None


class TestKneeFunction:
    def test_turns_the_nights_round(self) -> None:
        questionnaire = _questionnaire("knee-replacement", "knee-function")
        easily = {"stairs": "4", "chair": "4", "shop": "4", "sock": "4"}

        assert _mean(questionnaire, {**easily, "night": "never"}) == 4.0
        assert _mean(questionnaire, {**easily, "night": "every"}) == 3.2


def _questionnaire(name: str, key: str) -> Questionnaire:
    found = next(activity.questionnaire for _, activity in _activities(protocol(name)) if activity.key == key)
    assert found is not None
    return found


def _mean(questionnaire: Questionnaire, answers: dict[str, str]) -> float | None:
    score = score_answers(answers, questionnaire)
    return None if score is None else score.value


def _words(html: str) -> list[str]:
    return re.sub(r"<[^>]*>", " ", html).split()


def _grade(html: str) -> float:
    """Return the Flesch-Kincaid school grade: 4 to 6 is read at the age of 9 to 11. Syllables are counted by vowels."""
    text = re.sub(r"</(p|li|h2)>", ". ", html)
    text = re.sub(r"<[^>]*>", " ", text)
    sentences = [part for part in re.split(r"[.!?:;]+\s", f"{text} ") if re.search(r"[a-z]", part)]
    words = re.findall(r"[A-Za-z']+", text)
    syllables = sum(_syllables(word.lower()) for word in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    without_silent_end = re.sub(r"(?<=[^laeiouy])e$|(?<=[^td])ed$|(?<=[^sxz])es$", "", word)
    return max(1, len(re.findall(r"[aeiouy]+", without_silent_end)))
