"""What a narrative may hold when it is shown to a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.validation.narrative import is_safe_narrative


def div(inside: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'


@pytest.mark.parametrize(
    "inside",
    [
        "text",
        "<p>Bloeddruk <b>120/80</b>&nbsp;mmHg, caf&eacute; &lt;1 &#8804; 2</p>",
        '<table border="1"><caption>a</caption><tbody><tr><td colspan="2">a</td></tr></tbody></table>',
        '<a href="https://example.org/uitleg">uitleg</a> <a href="#note">a</a> <a href="Patient/1">a</a>',
        '<img src="data:image/png;base64,iVBORw0KGgo=" alt="grafiek"/>',
        '<img src="#picture"/>',
        '<img src="Binary/letter-1" alt="" title="letter"/>',
        '<span style="color: red; display: block;" title="x" lang="nl" xml:lang="nl">a</span>',
        "<!-- made by a machine -->a",
    ],
)
def test_static_content_is_safe(inside: str) -> None:
    assert is_safe_narrative(div(inside))


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>a",
        "<SCRIPT>alert(1)</SCRIPT>a",
        "<style>p {color: red}</style>a",
        '<p onclick="alert(1)">a</p>',
        '<form action="https://example.org"><p>a</p></form>',
        '<img src="Binary/../../elsewhere"/>',
        '<img src="//example.org/Binary/1"/>',
        '<iframe src="https://example.org">a</iframe>',
        '<object data="x">a</object>',
        '<a href="javascript:alert(1)">a</a>',
        '<a href=" JavaScript:alert(1)">a</a>',
        '<a href="java&#10;script:alert(1)">a</a>',
        '<a href="data:text/html,a">a</a>',
        '<img src="https://example.org/pixel.png"/>',
        '<img src="//example.org/pixel.png"/>',
        '<img src="picture.png"/>',
        '<td background="https://example.org/pixel.png">a</td>',
        '<p style="background: url(https://example.org/pixel.png)">a</p>',
        '<p style="background: \\75rl(https://example.org/pixel.png)">a</p>',
        '<svg xmlns="http://www.w3.org/2000/svg"><a>a</a></svg>',
        '<p style="position: fixed; top: 0">a</p>',
        '<p style="posi/**/tion: fixed">a</p>',
        "<?php echo 1 ?>a",
        "<![CDATA[><script>alert(1)</script>]]>",
        "<!--><script>alert(1)</script>-->a",
        "<!---><script>alert(1)</script>-->a",
        "&LT;!--<script>alert(1)</script>--&GT;a",
        "<p>a",
        "a &unknown; b",
        "",
        " \n ",
        "<p/>",
    ],
)
def test_what_acts_fetches_or_says_nothing_is_refused(inside: str) -> None:
    assert not is_safe_narrative(div(inside))


@pytest.mark.parametrize(
    "whole",
    [
        "text",
        "<div>a</div>",
        '<p xmlns="http://www.w3.org/1999/xhtml">a</p>',
        '<!DOCTYPE div [<!ENTITY a "b">]><div xmlns="http://www.w3.org/1999/xhtml">&a;</div>',
        div("a") + div("b"),
        '<?xml version="1.0"?>' + div("a"),
        "\ufeff" + div("a"),
        '<div xmlns="http://www<w3.org/1999/xhtml">a</div>',
        '<div xmlns="http://wwwaw3.org/1999/xhtml">a</div>',
    ],
)
def test_a_narrative_is_one_div_of_xhtml_without_a_document_type(whole: str) -> None:
    assert not is_safe_narrative(whole)


@given(
    st.text(
        st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \t\n\x00\x0b<>&]'\"\x85\xa0\ufffe"), max_size=8
    )
)
def test_plain_text_is_judged_as_it_is_beside_an_element(text: str) -> None:
    assert is_safe_narrative(div(text)) is is_safe_narrative(div(f"<b></b>{text}"))
