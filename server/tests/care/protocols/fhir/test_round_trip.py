"""Whatever is exported is imported again as it was, in every format, from nothing and over a source."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as HypothesisPhase
from hypothesis import strategies as st

from healthprotocol.care.protocols.fhir.exchange import read_source, write_source
from healthprotocol.care.protocols.model import Phase, ProtocolContent
from healthprotocol.care.protocols.rules.exchange.documents import Format, canonical
from healthprotocol.care.protocols.rules.exchange.report import ReadProtocol
from tests.care.protocols.contents import contents

# Contents are large: how many of them matters, not how fast they are made up, and making one smaller takes minutes.
LARGE = settings(
    max_examples=40,
    deadline=None,
    phases=[HypothesisPhase.explicit, HypothesisPhase.reuse, HypothesisPhase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
SAYING_ALL: list[Format] = ["fhir", "native-json", "native-yaml"]


def imported(content: ProtocolContent, form: Format, over: ReadProtocol | None = None) -> ReadProtocol:
    written = write_source(content, format=form, source=over.source if over else None)
    assert written.refused == ()
    reading = read_source(written.files)
    assert [finding for finding in reading.report if finding.outcome == "refused"] == []
    (protocol,) = reading.protocols
    return protocol


def sources(protocol: ReadProtocol) -> list[bytes]:
    return [canonical(document.value) for document in protocol.source.documents]


def without_kept(content: ProtocolContent) -> ProtocolContent:
    return msgspec.structs.replace(content, kept=())


@pytest.mark.parametrize("form", SAYING_ALL)
class TestFromNothing:
    @LARGE
    @given(contents())
    def test_an_export_imports_as_it_was_and_is_written_the_same_again(
        self, form: Format, content: ProtocolContent
    ) -> None:
        again = imported(content, form)

        assert again.content == content
        assert sources(imported(again.content, form, over=again)) == sources(again)


@pytest.mark.parametrize("form", SAYING_ALL)
class TestOverASource:
    @LARGE
    @given(contents(with_kept=False), contents(with_kept=False))
    def test_another_content_comes_through(
        self, form: Format, content: ProtocolContent, another: ProtocolContent
    ) -> None:
        first = imported(content, form)

        again = imported(another, form, over=first)

        assert without_kept(again.content) == another

    @LARGE
    @given(contents(with_kept=False), st.data())
    def test_a_small_edit_comes_through(self, form: Format, content: ProtocolContent, data: st.DataObject) -> None:
        first = imported(content, form)
        edited = edit(content, data)

        again = imported(edited, form, over=first)

        assert without_kept(again.content) == edited


class TestRadar:
    @LARGE
    @given(contents(with_kept=False))
    def test_says_it_or_says_what_it_cannot(self, content: ProtocolContent) -> None:
        written = write_source(content, format="radar")

        if written.files:
            (again,) = read_source(written.files).protocols
            activities = [activity for phase in content.phases for activity in phase.activities]
            assert [each.key for phase in again.content.phases for each in phase.activities] == [
                each.key for each in activities
            ]
        else:
            assert all(violation.code == "not_expressible" for violation in written.refused)


def edit(content: ProtocolContent, data: st.DataObject) -> ProtocolContent:
    """Move, take out and rename: what a clinician does in the builder."""
    activities = [activity for phase in content.phases for activity in phase.activities]
    order = data.draw(st.permutations(activities))
    left = order[: data.draw(st.integers(0, len(order)))]
    phases: list[Phase] = []
    for phase in data.draw(st.permutations(content.phases)):
        count = data.draw(st.integers(0, len(left)))
        mine, left = left[:count], left[count:]
        title = data.draw(st.sampled_from([phase.title, "Renamed"]))
        renamed = tuple(
            msgspec.structs.replace(
                each,
                title=data.draw(st.sampled_from([each.title, "Renamed"])),
                instructions=data.draw(st.sampled_from([each.instructions, None, "Another way"])),
                schedule=msgspec.structs.replace(
                    each.schedule, window_minutes=data.draw(st.sampled_from([each.schedule.window_minutes, 30]))
                ),
            )
            for each in mine
        )
        phases.append(
            msgspec.structs.replace(
                phase, title=title, start_day=1, length_days=content.duration_days, activities=renamed
            )
        )
    return msgspec.structs.replace(content, phases=tuple(phases))
