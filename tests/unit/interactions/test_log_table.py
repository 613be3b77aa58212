"""The log as a table: safe to open in a spreadsheet."""

from app.interactions.log_export import row


def test_a_text_that_a_spreadsheet_would_run_is_marked_as_text() -> None:
    assert row(["=1+1", "-2", "@x", "Praktijk", 7]) == b"'=1+1,'-2,'@x,Praktijk,7\r\n"


def test_a_formula_behind_what_divides_cells_in_another_country_is_marked_too() -> None:
    written = row(["Praktijk;=1+1", "A\t @x", "a|-2", "B;C", "\uff1d1", "x - y", "2026-03-01"])
    assert written.decode() == "Praktijk;'=1+1,A\t' @x,a|'-2,B;C,'\uff1d1,x - y,2026-03-01\r\n"


def test_a_quote_in_a_name_stays_in_its_field() -> None:
    assert row(['A "B", C', "x"]) == b'"A ""B"", C",x\r\n'
