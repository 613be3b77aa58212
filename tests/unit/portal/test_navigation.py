"""The navigation: groups, and the bar on a phone."""

from app.access.categories import Category
from app.access.representation import NO_POWERS, Power
from app.portal.navigation import MENU, NAVIGATION, PRACTICE_NAVIGATION, grouped, navigation_of_another, tabs


def test_a_group_stands_together_and_has_a_name() -> None:
    names = [group for group, _ in grouped(NAVIGATION)]
    assert len(set(names)) == len(names)
    assert "" not in names
    assert [group for group, _ in grouped(PRACTICE_NAVIGATION)] == [""]


def test_the_bar_on_a_phone_has_four_pages_that_people_use_most_and_the_menu() -> None:
    assert [entry.path for entry in tabs(NAVIGATION)] == ["/", "/measurements", "/care-plan", "/medication", "/menu"]
    assert tabs(PRACTICE_NAVIGATION[:2]) == (*PRACTICE_NAVIGATION[:2], MENU)


def test_the_bar_in_the_record_of_another_is_filled_up_with_what_is_open_there() -> None:
    lines = navigation_of_another(NO_POWERS | Power.LOG, Category.LABORATORY)
    assert [entry.path for entry in tabs(lines)] == ["/", "/summary", "/activity", "/other", "/menu"]
