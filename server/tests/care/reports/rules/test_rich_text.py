"""Rich text taken apart."""

from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.protocols.rules.sanitised import sanitised
from healthprotocol.care.reports.model import Block
from healthprotocol.care.reports.rules.rich_text import blocks


class TestBlocks:
    def test_are_headings_paragraphs_quotes_and_code(self) -> None:
        html = "<h2>A</h2><p>b <b>c</b>\nd</p><blockquote><p>e</p></blockquote><pre>f\n  g</pre>"

        assert blocks(html) == (
            Block("heading", "A"),
            Block("paragraph", "b c d"),
            Block("quote", "e"),
            Block("code", "f\n  g"),
        )

    def test_number_lists_and_go_on_after_an_inner_one(self) -> None:
        html = '<ol start="3"><li>a<ul><li>x</li></ul></li><li><p>b</p></li></ol><ul><li>c</li></ul>'

        assert [(one.marker, one.text) for one in blocks(html)] == [("3.", "a"), ("•", "x"), ("4.", "b"), ("•", "c")]

    def test_take_an_item_without_a_list_and_a_strange_start_as_they_come(self) -> None:
        assert blocks("<li>a</li>") == (Block("item", "a", "•"),)
        assert blocks('<ol start="-9999999"><li>a</li></ol>') == (Block("item", "a", "1."),)

    def test_make_a_row_of_a_table_one_paragraph(self) -> None:
        html = "<table><tr><th>Dose</th><th>Day</th></tr><tr><td>5 mg</td><td>1</td></tr></table>"

        assert [one.text for one in blocks(html)] == ["Dose | Day", "5 mg | 1"]

    def test_keep_line_breaks_that_were_written_and_entities_as_characters(self) -> None:
        assert blocks("<p>a<br>b &lt;c&gt;</p>") == (Block("paragraph", "a\nb <c>"),)

    def test_have_text_outside_of_any_block_and_nothing_of_nothing(self) -> None:
        assert blocks("loose <i>text") == (Block("paragraph", "loose text"),)
        assert blocks("<p> </p>") == ()

    @given(st.text(alphabet="<>/abpliuo 1\n&;=\"'", max_size=200))
    def test_come_of_whatever_was_sanitised(self, text: str) -> None:
        for block in blocks(sanitised(text)):
            assert block.text.strip()
            assert (block.kind == "item") == bool(block.marker)
