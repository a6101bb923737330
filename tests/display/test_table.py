"""Tables at any width with any names: lines fit, none is broken, and widths are those that rich counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chainrule.display import Table
from chainrule.display.numbers import fixed, number, written
from chainrule.display.terminal import clipped, printable, width_of, wrapped

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cf", "Mn", "Me", "Mc", "Cn")), max_size=120)


@pytest.mark.parametrize("text", ["price", "가격", "値段", "price 価格", "Ω±×", "naïve", "e\u0301", "🙂", "─…"])
def test_widths_are_those_that_rich_counts(text: str) -> None:
    assert width_of(text) == cell_len(text)


@given(NAMES, st.integers(2, 90))
def test_wrapped_lines_fit_and_keep_every_letter(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(width_of(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert width_of(clipped(text, width + 3)) <= width + 3


@given(NAMES, NAMES, st.floats(-1e12, 1e12), st.integers(30, 80))
def test_tables_of_any_names_fit_any_width(first: str, second: str, value: float, width: int) -> None:
    table = Table(first, ("name", second[:20], "n"), [(first, value, 3), (second, 0.5, None)], (second,))
    for line in table.lines(width, 40):
        assert width_of(line.text) <= width
        assert line.text == printable(line.text)


def test_names_that_would_break_a_line_or_a_terminal_are_written_out() -> None:
    table = Table("a\nb", ("x\ty",), (("\x1b[31mred",), ("\ud800",)))
    title, heading, _, *rows = str(table).splitlines()
    assert (title, heading) == (r"a\nb", r"x\ty")
    assert rows == [r"\x1b[31mred", r"\ud800"]
    str(table).encode()


@given(st.lists(st.floats(-1e15, 1e15), min_size=1))
def test_a_fixed_column_has_one_number_of_decimals_or_five_digits(values: list[float]) -> None:
    cells = written(values, "fixed")
    if fixed(values).endswith("f"):
        assert len({len(cell.partition(".")[2]) for cell in cells}) == 1
    for value, cell in zip(values, cells, strict=True):
        assert float(cell.replace(",", "")) == pytest.approx(value, rel=0.05)


def test_large_numbers_are_written_out() -> None:
    assert number(53_066.0) == number(53_066, 2) == "53,066"
    assert number(53_066.0, 2) == "53,066"


def test_columns_that_find_no_room_follow_below_with_the_first_repeated() -> None:
    table = Table("", ("name", *(f"column {k}" for k in range(9))), [("ar", *(k + 0.125 for k in range(9)))])
    lines = [line.text for line in table.lines(30, 40)]
    assert max(map(len, lines)) <= 30
    assert sum(line.startswith("ar ") for line in lines) > 1
    assert all(f"{k + 0.125:.4g}" in " ".join(lines) for k in range(9))


def test_names_of_rows_are_not_broken_where_another_column_has_room_beside_them() -> None:
    name = "a-name-that-goes-on-and-on-and-on"
    table = Table("", ("run", "what", "n"), [(name, "several words that wrap at blanks", 1)])
    assert all(line.text.startswith((name, "run", " ", "─")) for line in table.lines(50, 40))
    assert all(len(line.text) <= 30 for line in table.lines(30, 40)), "where it has none they are"
