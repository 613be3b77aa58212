"""Ids that Regie makes."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from app.store.ids import new_id, new_record_id, record_in

RECORDS = st.integers(min_value=0, max_value=2**48 - 1)
INSTANTS = st.integers(min_value=0, max_value=4_000_000_000_000_000)


@given(RECORDS, INSTANTS)
def test_an_id_tells_its_record_and_fits_in_fhir(record_id: int, instant_us: int) -> None:
    made = new_id(record_id, instant_us)
    assert len(made) == 32
    assert made.isalnum()
    assert made == made.lower()
    assert record_in(made) == record_id


@given(RECORDS, INSTANTS, st.integers(min_value=1, max_value=10**12))
def test_ids_of_a_record_sort_by_time(record_id: int, instant_us: int, later_ms: int) -> None:
    assert new_id(record_id, instant_us) < new_id(record_id, instant_us + later_ms * 1000)


@given(st.text(max_size=40))
def test_no_other_text_names_a_record_by_chance(text: str) -> None:
    found = record_in(text)
    assert found is None or (len(text) == 32 and 0 <= found < 2**48)


def test_ids_of_the_same_moment_differ_and_no_record_is_the_directory() -> None:
    assert len({new_id(7, 0) for _ in range(1000)}) == 1000
    assert all(0 < new_record_id() < 2**48 for _ in range(1000))


def test_texts_that_are_no_ids_take_no_memory_when_they_were_asked_for() -> None:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    assert {record_in(f"{number:04}" + "a" * 10_000) for number in range(1000)} == {None}
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 100_000
