"""Documents as they are set: tagged, whole, and never reading what somebody wrote as a command."""

import asyncio
import threading
from datetime import UTC, datetime

import msgspec
import pytest

from healthprotocol.care.reports.errors import TooManyReports
from healthprotocol.care.reports.model import ActivityPart, Block, PhasePart, ProtocolDocument
from healthprotocol.care.reports.service import typesetting
from healthprotocol.care.reports.service.typesetting import typeset

NOW = datetime(2026, 3, 2, tzinfo=UTC)
NASTY = '#read("/etc/hostname") #import "@preview/x:0.1.0": * $ x^2 $ *b* `c` <label> @ref \\ #panic() // "'
BLANK = ProtocolDocument(title="Heart", language="en", edition="", description="", facts=(), content=(), phases=())


async def made(**changes: object) -> bytes:
    return await typeset(msgspec.structs.replace(BLANK, **changes), at=NOW)


class TestTypeset:
    async def test_makes_a_tagged_pdf_that_says_that_it_is_accessible(self) -> None:
        body = await made()

        assert body.startswith(b"%PDF-")
        assert b"/StructTreeRoot" in body
        assert b"/Marked true" in body
        assert b"pdfuaid:part" in body
        assert b"/Lang(en)" in body

    async def test_makes_the_same_of_the_same(self) -> None:
        assert await made(description="Walk.") == await made(description="Walk.")

    async def test_never_reads_what_somebody_wrote_as_a_command(self) -> None:
        activity = ActivityPart(title=NASTY, kind=NASTY, schedule=NASTY, instructions=NASTY, lines=((NASTY, NASTY),))
        blocks = [
            Block("heading", NASTY),
            Block("paragraph", NASTY),
            Block("quote", NASTY),
            Block("code", NASTY),
            Block("item", NASTY, "•"),
            Block("item", NASTY, "7."),
        ]

        body = await made(
            title=NASTY,
            edition=NASTY,
            description=NASTY,
            facts=((NASTY, NASTY),),
            content=tuple(blocks),
            phases=(PhasePart(title=NASTY, days=NASTY, description=NASTY, activities=(activity,)),),
        )

        assert body.startswith(b"%PDF-")

    @pytest.mark.parametrize(
        "text",
        ["日本語", "مرحبا", "Привет", "😀", "a\x00b\x07\x85c", 'C:\\folder \\u0041 \\b "', "\ue000", "\ufffe"],
    )
    async def test_takes_any_script_and_drops_what_cannot_be_shown(self, text: str) -> None:
        assert (await made(title=f"Heart {text}", description=text)).startswith(b"%PDF-")

    @pytest.mark.parametrize("language", ["zzzz-XX", "e", "", "12"])
    async def test_takes_a_language_that_is_none_as_english(self, language: str) -> None:
        assert b"/Lang(en)" in await made(language=language)

    async def test_is_one_at_a_time_and_few_wait(self) -> None:
        results = await asyncio.gather(*(made() for _ in range(8)), return_exceptions=True)

        refused = [one for one in results if isinstance(one, TooManyReports)]
        assert len(refused) == 5
        assert all(isinstance(one, bytes | TooManyReports) for one in results)
        assert typesetting._waiting == 0

    async def test_keeps_its_place_until_it_has_ended_though_nobody_waits_for_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        began, may_end = threading.Event(), threading.Event()

        def slow(document: ProtocolDocument, at: datetime) -> bytes:
            began.set()
            assert may_end.wait(60)
            return document.title.encode()

        monkeypatch.setattr(typesetting, "_setting", asyncio.Semaphore(1))
        monkeypatch.setattr(typesetting, "_compile", slow)
        first = asyncio.create_task(made(title="first"))
        assert await asyncio.to_thread(began.wait, 60)
        waits, gone = [asyncio.create_task(made(title=title)) for title in ("waits", "gone")]
        await asyncio.sleep(0)

        for task in (first, gone):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert typesetting._setting.locked()
        assert typesetting._waiting == 2
        may_end.set()
        assert await waits == b"waits"
        assert (typesetting._waiting, typesetting._setting.locked()) == (0, False)

    async def test_that_fails_lets_go_of_its_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(document: ProtocolDocument, at: datetime) -> bytes:
            raise LookupError

        monkeypatch.setattr(typesetting, "_compile", broken)

        with pytest.raises(LookupError):
            await made()

        assert (typesetting._waiting, typesetting._setting.locked()) == (0, False)
