"""Units by UCUM, against its own table and against what everybody knows."""

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import ucumvert
from hypothesis import given
from hypothesis import strategies as st

from healthprotocol.care.protocols.rules.units import UnitsDiffer, are_convertible, convert, is_unit


class TestConvert:
    @pytest.mark.parametrize(
        ("value", "unit", "to", "expected"),
        [
            (37, "Cel", "[degF]", 98.6),
            (98.6, "[degF]", "Cel", 37.0),
            (32, "[degF]", "Cel", 0.0),
            (0, "Cel", "K", 273.15),
            (273.15, "K", "Cel", 0.0),
            (-40, "Cel", "[degF]", -40.0),
            (70, "kg", "[lb_av]", 154.323583529),
            (6, "[ft_i]", "cm", 182.88),
            (16, "kPa", "mm[Hg]", 120.009852135),
            (72, "{beats}/min", "/min", 72.0),
            (1.2, "g%", "g/L", 12.0),
            (90, "mg%", "mg/dL", 90.0),
            (2, "[Cal]", "kJ", 8.368),
            (4.5, "10*9/L", "10*3/uL", 4.5),
            (0.42, "1", "%", 42.0),
            (12, "{score}", "1", 12.0),
            (3, "d", "h", 72.0),
            (0, "kg", "g", 0.0),
        ],
    )
    def test_by_the_definition(self, value: float, unit: str, to: str, expected: float) -> None:
        assert convert(value, unit=unit, to=to) == expected

    @pytest.mark.parametrize(
        ("unit", "to"),
        [
            ("kg", "cm"),
            ("mmol/L", "mg/dL"),
            ("dB", "1"),
            ("[pH]", "mol/L"),
            ("celsius", "Cel"),
            ("mmHg", "mm[Hg]"),
            ("", "kg"),
            ("kg" * 40, "kg"),
            ("10*9999999", "1"),
            ("m99999", "m"),
            ("10*99.10*99.10*99.10*99", "1"),
            ("'", "min"),
        ],
    )
    def test_what_does_not_convert_is_refused(self, unit: str, to: str) -> None:
        with pytest.raises(UnitsDiffer):
            convert(1, unit=unit, to=to)

    def test_a_unit_converts_to_itself_even_on_a_logarithmic_scale(self) -> None:
        assert convert(7.4, unit="[pH]", to="[pH]") == 7.4
        assert are_convertible("[pH]", "[pH]")

    def test_a_number_too_large_becomes_infinite_and_is_for_the_caller_to_refuse(self) -> None:
        assert convert(1e308, unit="kg", to="ug") == math.inf

    @given(st.floats(-300, 300))
    def test_there_and_back_is_the_same(self, value: float) -> None:
        there = convert(value, unit="Cel", to="[degF]")

        assert math.isclose(convert(there, unit="[degF]", to="Cel"), value, rel_tol=1e-8, abs_tol=1e-8)


class TestAgainstUcumsTable:
    # Not linear, or measured in another way than the table's: amounts of substance, and electricity of another system.
    NOT_CONVERTED = frozenset({"mol", "Mx", "G", "Oe", "Gb"})

    def test_every_unit_is_what_ucum_defines_it_to_be(self) -> None:
        differing = {}
        looked_at = 0

        for code, amount, unit in _table():
            looked_at += 1
            if not are_convertible(code, unit):
                differing[code] = "no conversion"
            elif not math.isclose(convert(1, unit=code, to=unit), amount, rel_tol=1e-4):
                differing[code] = "another amount"

        assert looked_at > 250
        assert {code: how for code, how in differing.items() if code not in self.NOT_CONVERTED} == {}


def _table() -> list[tuple[str, float, str]]:
    path = Path(ucumvert.__file__).parent / "vendor" / "ucum-essence.xml"
    root = ET.parse(path).getroot()
    space = {"u": root.tag.partition("}")[0].strip("{")}
    rows: list[tuple[str, float, str]] = []
    for unit in root.findall("u:unit", space):
        value = unit.find("u:value", space)
        # Those with a function are on scales of their own: temperatures are tested above.
        if value is not None and value.find("u:function", space) is None:
            rows.append((unit.attrib["Code"], float(value.attrib["value"]), value.attrib["Unit"]))
    return rows


class TestIsUnit:
    @pytest.mark.parametrize("code", ["mm[Hg]", "{beats}/min", "%", "1", "{score}", "[pH]", "mL/min/{1.73_m2}", "Cel"])
    def test_knows_units(self, code: str) -> None:
        assert is_unit(code)

    @pytest.mark.parametrize("code", ["", "mmHg", "°C", "µg", "kg m", "bpm", "<script>", "m" * 65, "((((", "{{", "\0"])
    def test_knows_what_is_none(self, code: str) -> None:
        assert not is_unit(code)

    @given(st.text(max_size=80))
    def test_answers_whatever_it_is_given(self, code: str) -> None:
        assert is_unit(code) in {True, False}
        assert are_convertible(code, "kg") in {True, False}
