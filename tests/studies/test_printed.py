"""Numbers as papers print them: parsing, and agreement with measured values."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from studies.printed import MARKS, NO_VALUE, UNITS, Printed, agrees, parse_printed

numbers = st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(0, 10**8), st.integers(0, 4))
units = st.sampled_from([unit for unit in UNITS if unit])


def test_cells_of_the_papers():
    assert parse_printed("0.860 M", "M") == Printed("0.860 M", 0.86, 3, "M", 10**6)
    assert parse_printed("41.8", "mm") == Printed("41.8", 41.8, 1, "mm", 1)
    assert parse_printed("22.0*", "mm") == Printed("22.0*", 22.0, 1, "mm", 1, "*")
    # DC-GCT's MACs stand in M in a column of G.
    assert parse_printed("41 M", "G") == Printed("41 M", 41.0, 0, "M", 10**6)
    assert parse_printed("1.3G", "G") == Printed("1.3G", 1.3, 1, "G", 10**9)
    assert parse_printed("0.03 m", "mm").factor == 1000
    assert parse_printed("20").unit == ""


@pytest.mark.parametrize("text", [*NO_VALUE, " - "])
def test_nothing_printed(text):
    assert parse_printed(text, "mm") is None


@pytest.mark.parametrize(
    ("text", "unit", "complaint"),
    [
        ("yes", "M", "is not a number"),
        ("4,131", "M", "is not a number"),
        ("1.2.3", "mm", "is not a number"),
        ("12.", "mm", "is not a number"),
        ("3.6 Gs", "G", "unknown unit 'Gs'; known: k, M, G"),
        ("3.6", "GB", "unknown unit 'GB'"),
        ("3.6 G", "GB", "unknown unit 'GB'"),
        ("41.8 mm", "M", "does not fit its column's unit 'M'"),
    ],
)
def test_bad_cells(text, unit, complaint):
    with pytest.raises(InputError, match=complaint) as error:
        parse_printed(text, unit)
    assert "\n" not in str(error.value)


@given(numbers, units, st.sampled_from(["", " "]), st.sampled_from(["", *MARKS]))
def test_any_number_parses_to_itself(number, unit, blank, mark):
    printed = parse_printed(f"{number:f}{blank}{unit}{mark}", unit)
    assert Decimal(str(printed.value)) == number
    assert printed.decimals == max(0, -number.as_tuple().exponent)
    assert (printed.unit, printed.factor, printed.mark) == (unit, UNITS[unit][1], mark)
    # Without a unit of its own the cell takes its column's.
    assert parse_printed(f"{number:f}", unit).unit == unit


@given(st.text(max_size=12), st.sampled_from([None, *UNITS]))
def test_any_text_is_a_number_or_nothing_or_refused(text, unit):
    """Only a cell that prints nothing is None; everything else is a number or refused in one line."""
    complaint = ""
    try:
        printed = parse_printed(text, unit)
    except InputError as error:
        complaint, printed = str(error), None
    assert len(complaint.splitlines()) == (printed is None and text.strip() not in NO_VALUE)


@given(numbers, units, st.integers(-1000, 1000))
def test_agrees_within_half_of_the_last_digit(number, unit, thousandths):
    """A value off by some thousandths of the last printed digit agrees up to 500 of them, ties included."""
    printed = parse_printed(f"{number:f}", unit)
    step = Decimal(printed.factor).scaleb(-printed.decimals)
    measured = float(number * printed.factor + step * thousandths / 1000)
    assert agrees(printed, measured) == (abs(thousandths) <= 500)


def test_ties_agree_both_ways():
    for text in ("41.8", "41.9"):
        assert agrees(parse_printed(text, "mm"), 41.85)
        assert agrees(parse_printed(text, "mm"), np.float64(41.85))
    assert not agrees(parse_printed("41.7", "mm"), 41.85)
    assert not agrees(parse_printed("42.0", "mm"), 41.85)


def test_agrees_with_the_profiler_counts():
    assert agrees(parse_printed("0.860 M"), 859_651)
    assert not agrees(parse_printed("0.860 M"), 1_470_211)
    assert agrees(parse_printed("109.909 G"), np.int64(109_908_658_944))
    # SasMamba prints half of the profiler's count.
    assert not agrees(parse_printed("1.3 G"), 2_603_918_016)
    assert agrees(parse_printed("1.3 G"), 2_603_918_016 / 2)


@pytest.mark.parametrize("measured", [float("nan"), float("inf"), -float("inf")])
def test_nothing_agrees_with_what_is_not_finite(measured):
    assert not agrees(parse_printed("41.8", "mm"), measured)
