"""Letters from right to left, and signs that turn letters round, move nothing around them on a page."""

import pytest

from app.portal.apart import apart, with_elements
from app.portal.page import environment

TURNED = "Jansen\u202e nesnaJ"
HEBREW = "\u05d0\u05d1\u05d2"
BOTH = pytest.mark.parametrize("name", [TURNED, HEBREW, "\u2067open", "\u2069\u2069out"])


def shown(template: str, **values: object) -> str:
    return with_elements(environment("en").from_string(template).render(**values))


@BOTH
def test_what_may_turn_what_is_around_it_stands_in_an_element_of_its_own(name: str) -> None:
    assert shown("<p>{{ name }} · {{ day }}</p>", name=name, day="3 May") == f"<p><bdi>{name}</bdi> · 3 May</p>"


@BOTH
def test_in_a_sentence_too(name: str) -> None:
    assert (
        shown('{{ _("Written by: %(name)s", name=name) }}', name=f"<b>{name}")
        == f"Written by: <bdi>&lt;b&gt;{name}</bdi>"
    )
    assert shown('{{ ngettext("%(num)s: %(name)s", "%(num)s", 1, name=name) }}', name=name) == f"1: <bdi>{name}</bdi>"


@BOTH
@pytest.mark.parametrize(
    "template",
    [
        '<input value="{{ name }}">',
        "<textarea>{{ name }}</textarea>",
        "<title>{{ name }}</title>",
        "<select><option>{{ name }}</option></select>",
        "<svg><text>{{ name }}</text></svg>",
    ],
)
def test_a_field_an_attribute_and_what_holds_no_element_keep_the_text_as_it_is(name: str, template: str) -> None:
    assert shown(template, name=name) == template.replace("{{ name }}", name)


def test_nobody_writes_the_end_of_the_element() -> None:
    assert shown("<p>{{ name }}</p>", name="\ue001\u202eout\ue000") == "<p><bdi>\u202eout</bdi></p>"
    assert shown("<p>{{ name }}</p>", name="\ue001") == "<p><bdi></bdi></p>"


@pytest.mark.parametrize("text", ["Zonnestraal", "Ren\u00e9e \u00b7 3 mei", "", 3, None])
def test_all_else_is_as_it_was(text: object) -> None:
    assert apart(text) is text
