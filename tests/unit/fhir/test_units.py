"""Units of one kind of quantity become one unit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.units import canonical_unit, is_comparable


@pytest.mark.parametrize(
    ("value", "code", "canonical", "wanted"),
    [
        ("120", "mm[Hg]", "mm[Hg]", 120.0),
        ("16", "kPa", "mm[Hg]", 120.0102008670737),
        ("1", "bar", "mm[Hg]", 750.0637554192106),
        ("72.5", "kg", "kg", 72.5),
        ("150", "[lb_av]", "kg", 68.0388555),
        ("500", "mg", "kg", 0.0005),
        ("180", "cm", "cm", 180.0),
        ("1.8", "m", "cm", 180.0),
        ("70", "[in_i]", "cm", 177.8),
        ("37.2", "Cel", "Cel", 37.2),
        ("98.6", "[degF]", "Cel", 37.0),
        ("310.15", "K", "Cel", 37.0),
        ("5.4", "mmol/L", "mmol/L", 5.4),
        ("5400", "umol/l", "mmol/L", 5.4),
        ("72", "/min", "/min", 72.0),
        ("72", "{breaths}/min", "/min", 72.0),
        ("1.2", "Hz", "/min", 72.0),
        ("97", "%", "%", 97.0),
        ("0.97", "1", "%", 97.0),
        ("53", "mmol/mol", "%", 5.3),
        ("1.5", "L", "mL", 1500.0),
        ("1.5", "dm3", "mL", 1500.0),
        ("2", "h", "min", 120.0),
        ("1", "10*9/L", "m-3", 1e12),
        ("100", "mg/dL", "g.m-3", 1000.0),
        ("100", "mg/d{creat}L", None, None),
        ("25", "kg/m2", "g.m-2", 25000.0),
        ("4", "[IU]/mL", "[iU].m-3", 4e6),
        ("1", "k[iU]/L", "[iU].m-3", 1e6),
        ("30", "mL/min/{1.73_m2}", "m3.s-1", 5e-7),
        ("1", "g/(8.h)", "g.s-1", 1 / 28800),
    ],
)
def test_a_quantity_is_brought_to_the_canonical_unit(
    value: str, code: str, canonical: str | None, wanted: float | None
) -> None:
    unit = canonical_unit(code)
    if canonical is None:
        assert unit is None
    else:
        assert unit is not None
        assert unit.code == canonical
        assert unit.convert(Decimal(value)) == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize(
    "code", ["", "mmHg", "mg/", "xyz", "(mg", "mg)", "kmin", "mm[Hg", "1 mg", "/", "{x", "m" * 65, "1/0"]
)
def test_a_unit_that_is_not_known_has_no_canonical_unit(code: str) -> None:
    assert canonical_unit(code) is None


@pytest.mark.parametrize("code", ["mm[Hg]", "kg", "cm", "Cel", "mmol/L", "/min", "%", "mL", "min"])
def test_the_usual_units_are_canonical_themselves(code: str) -> None:
    unit = canonical_unit(code)
    assert unit is not None
    assert unit.is_identity


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.sampled_from(["mm[Hg]", "kPa", "Cel", "[degF]", "mg/dL"]),
)
def test_conversion_keeps_the_order_of_values(value: Decimal, code: str) -> None:
    unit = canonical_unit(code)
    assert unit is not None
    if is_comparable(value) and is_comparable(value + 1):
        assert unit.convert(value) <= unit.convert(value + 1)


def test_a_number_beyond_any_measurement_is_not_compared() -> None:
    assert not is_comparable(Decimal("1e999999"))
    assert not is_comparable(Decimal("NaN"))
    assert is_comparable(Decimal(0))


@given(st.text(max_size=80))
def test_any_text_is_a_unit_or_is_not(code: str) -> None:
    unit = canonical_unit(code)
    assert unit is None or unit.code
