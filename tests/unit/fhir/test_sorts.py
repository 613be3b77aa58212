"""What is remembered of the sorts of objects: for good as long as they are few, and never more than so many, whatever they are about."""

from app.fhir.sorts import SORTS_MAX, Names, Sorts


def test_what_was_found_out_is_there_for_the_next_of_its_sort() -> None:
    sorts, known = Sorts(), dict[Names, str]()
    assert sorts.remember(known, ("system", "code"), "found") == "found"
    assert known == {("system", "code"): "found"}


def test_all_together_are_bounded_and_the_newest_is_there() -> None:
    sorts: Sorts = Sorts()
    several: list[dict[Names, int]] = [{} for _ in range(3)]
    most = 0
    for number in range(3 * SORTS_MAX):
        known, names = several[number % 3], (str(number),)
        assert sorts.remember(known, names, number) == known[names] == number
        most = max(most, sum(map(len, several)))
    assert most == SORTS_MAX


def test_what_two_find_out_at_once_counts_once() -> None:
    sorts, known, other = Sorts(), dict[Names, int](), dict[Names, int]()
    sorts.remember(other, ("kept",), 0)
    for _ in range(2 * SORTS_MAX):
        sorts.remember(known, ("same",), 1)
    assert other
