"""FHIR in XML: the same resource in both forms, and what is refused on the way in."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from xml.parsers import expat

import pytest

from app.errors import InvalidResourceError, MalformedError
from app.fhir.release import Release
from app.fhir.validation.structure import parse
from app.fhir.xml.read import ISSUES_MAX, to_json
from app.fhir.xml.write import to_xml

BOTH = pytest.mark.parametrize("release", list(Release))
XHTML = "http://www.w3.org/1999/xhtml"
DIV = f'<div xmlns="{XHTML}">'


def patient(inside: str) -> bytes:
    """Return a Patient in XML."""
    return f'<Patient xmlns="http://hl7.org/fhir">{inside}</Patient>'.encode()


def read(body: bytes, release: Release = Release.R4) -> dict[str, Any]:
    """Return the tree of a body in XML, without its type."""
    tree = json.loads(to_json(release, body), parse_float=Decimal)
    assert next(iter(tree)) == "resourceType"
    return {name: value for name, value in tree.items() if name != "resourceType"}


def write(release: Release = Release.R4, **members: object) -> str:
    """Return what is in the root element of a Patient with these members, as XML."""
    body = json.dumps({"resourceType": "Patient", **members}).encode()
    head = '<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir">'
    text = to_xml(release, body).decode()
    assert text.startswith(head)
    assert text.endswith("</Patient>")
    return text[len(head) : -len("</Patient>")]


def faults(body: bytes, release: Release = Release.R4) -> set[tuple[str, str | None]]:
    """Return the class of the error with the place of each issue."""
    with pytest.raises(InvalidResourceError) as error:
        to_json(release, body)
    assert all(issue.severity == "error" and issue.diagnostics.endswith(".") for issue in error.value.issues)
    return {(type(error.value).__name__, issue.expression) for issue in error.value.issues}


@BOTH
def test_a_resource_is_the_same_in_both_forms(release: Release) -> None:
    xml = (
        b'<?xml version="1.0" encoding="UTF-8"?><Observation xmlns="http://hl7.org/fhir"><id value="w1"/>'
        b'<status value="final"/><code><text value="Gewicht"/></code><valueQuantity><value value="72.50"/>'
        b'<unit value="kg"/></valueQuantity><component><code><text value="a"/></code><valueTime value="08:30:00"/>'
        b'</component><component><code><text value="b"/></code><valueString value="x"/></component></Observation>'
    )
    body = (
        b'{"resourceType":"Observation","id":"w1","status":"final","code":{"text":"Gewicht"},"valueQuantity":{"value":'
        b'72.50,"unit":"kg"},"component":[{"code":{"text":"a"},"valueTime":"08:30:00"},{"code":{"text":"b"},"valueString":"x"}]}'
    )
    assert to_json(release, xml) == body
    assert to_xml(release, body) == xml


def test_elements_are_written_in_the_order_of_the_specification() -> None:
    written = write(birthDate="1980-01-01", name=[{"given": ["a"], "family": "b"}], active=True, id="1")
    assert written == (
        '<id value="1"/><active value="true"/><name><family value="b"/><given value="a"/></name>'
        '<birthDate value="1980-01-01"/>'
    )


def test_elements_are_read_in_any_order() -> None:
    body = patient(
        '<birthDate value="1980-01-01"/><name><text value="a"/></name><id value="1"/><name><text value="b"/></name>'
    )
    assert read(body) == {"birthDate": "1980-01-01", "name": [{"text": "a"}, {"text": "b"}], "id": "1"}


@pytest.mark.parametrize(
    "digits", ["72.50", "0", "0.0", "-0.0", "1e3", "1E-7", "0.00000001", "10000000000000000000000.10", "-12", "100"]
)
def test_a_decimal_keeps_its_digits(digits: str) -> None:
    body = b'{"resourceType":"Observation","valueQuantity":{"value":%b}}' % digits.encode()
    xml = to_xml(Release.R4, body)
    assert f'<value value="{digits}"/>'.encode() in xml
    assert to_json(Release.R4, xml) == body


@pytest.mark.parametrize("text", ["", "x", "1.", ".5", "+1.5", "01", "1,5", "NaN", "INF", "0x1", " 1", "1 ", "\u0661"])
def test_a_decimal_has_the_form_of_a_number(text: str) -> None:
    body = (
        f'<Observation xmlns="http://hl7.org/fhir"><valueQuantity><value value="{text}"/></valueQuantity></Observation>'
    )
    assert faults(body.encode()) == {("InvalidResourceError", "Observation.valueQuantity.value")}


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-3", -3), ("+3", 3), ("2147483647", 2147483647)])
def test_an_integer_may_have_a_sign(text: str, number: int) -> None:
    assert read(patient(f'<multipleBirthInteger value="{text}"/>')) == {"multipleBirthInteger": number}


@pytest.mark.parametrize("text", ["", "x", "1.0", "1e2", "007", "+-1", "--1", " 1", "\u0661"])
def test_an_integer_is_a_whole_number(text: str) -> None:
    body = patient(f'<multipleBirthInteger value="{text}"/>')
    assert faults(body) == {("InvalidResourceError", "Patient.multipleBirthInteger")}


@pytest.mark.parametrize("text", ["", "1", "True", "yes"])
def test_a_boolean_is_true_or_false(text: str) -> None:
    assert faults(patient(f'<active value="{text}"/>')) == {("InvalidResourceError", "Patient.active")}


def test_false_and_zero_are_values() -> None:
    members = {"active": False, "multipleBirthInteger": 0}
    assert read(to_xml(Release.R4, json.dumps({"resourceType": "Patient", **members}).encode())) == members


TEXTS = [
    "<&>\"'",
    "a\nb\tc\rd\r\n",
    "  blanks  ",
    "caf\u00e9 \U0001f600 \u0085 \u2028",
    "]]>",
    "&amp;",
    "<!-- -->",
    "%s {0}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_the_same_in_both_forms(text: str) -> None:
    members = {"language": "nl", "name": [{"text": text, "given": [text, text]}]}
    xml = to_xml(Release.R4, json.dumps({"resourceType": "Patient", **members}).encode())
    assert read(xml) == members
    seen: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda _, attributes: seen.append(attributes.get("value", ""))
    parser.Parse(xml, True)
    assert seen.count(text) == 3


SIBLINGS: list[dict[str, Any]] = [
    {"birthDate": "1980", "_birthDate": {"id": "a", "extension": [{"url": "http://e", "valueString": "x"}]}},
    {"_birthDate": {"extension": [{"url": "http://e", "valueDecimal": Decimal("1.50")}]}},
    {"_active": {"id": "a"}, "active": False},
    {"name": [{"given": ["a", None, "c"], "_given": [None, {"extension": [{"url": "u", "valueCode": "x"}]}, None]}]},
    {"name": [{"given": [None, "b"], "_given": [{"extension": [{"url": "u", "valueCode": "x"}]}, {"id": "1"}]}]},
    {"name": [{"given": [None], "_given": [{"extension": [{"url": "u", "valueCode": "x"}]}]}]},
    {
        "name": [
            {"_family": {"extension": [{"url": "u", "_valueString": {"extension": [{"url": "v", "valueCode": "x"}]}}]}}
        ]
    },
]


@pytest.mark.parametrize("members", SIBLINGS)
def test_ids_and_extensions_of_primitives_are_the_same_in_both_forms(members: dict[str, Any]) -> None:
    body = json.dumps({"resourceType": "Patient", **members}, default=float).encode()
    parse(Release.R4, body)
    assert read(to_xml(Release.R4, body)) == members


def test_an_array_of_extensions_may_be_shorter_or_stand_alone() -> None:
    extended = {"extension": [{"url": "u", "valueCode": "x"}]}
    given = '<given value="a"/><given value="b"/>'
    extension = '<extension url="u"><valueCode value="x"/></extension></given>'
    shorter = write(name=[{"given": ["a", "b"], "_given": [extended]}])
    assert shorter == f"<name>{given.replace('/>', f'>{extension}', 1)}</name>"
    assert write(name=[{"_given": [extended]}]) == f"<name><given>{extension}</name>"


def test_ids_of_elements_and_urls_of_extensions_are_attributes() -> None:
    members = {
        "id": "1",
        "extension": [{"id": "e", "url": "u", "valueString": "x"}],
        "name": [{"id": "n", "text": "a"}],
    }
    written = write(Release.R4, **members)
    assert written == (
        '<id value="1"/><extension id="e" url="u"><valueString value="x"/></extension><name id="n"><text value="a"/></name>'
    )
    assert read(patient(written)) == members


@BOTH
def test_resources_in_resources_are_the_same_in_both_forms(release: Release) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "fullUrl": "urn:a",
                "resource": {"resourceType": "Patient", "contained": [{"resourceType": "Device", "id": "d"}]},
            },
            {
                "resource": {
                    "resourceType": "Parameters",
                    "parameter": [{"name": "a", "resource": {"resourceType": "Basic"}}],
                }
            },
        ],
    }
    xml = to_xml(release, json.dumps(bundle).encode())
    assert b"<contained><Device><id value=" in xml
    assert xml.count(b"xmlns") == 1
    assert json.loads(to_json(release, xml)) == bundle


DIVS = [
    f"{DIV}<p>120/80 &lt; 140 &amp; caf\u00e9 &#8804; <br/></p></div>",
    f"{DIV}\r\n  two lines\t</div>",
    f"{DIV}a<!-- a remark -->b</div >",
    f"<div xmlns='{XHTML}' title='a > b'>a</div>",
    f'<h:div xmlns:h="{XHTML}"><h:p xml:lang="nl">a</h:p></h:div>',
    f'<div id="x"\n xmlns="{XHTML}"><div>a</div></div>',
]


@pytest.mark.parametrize("div", DIVS)
def test_a_narrative_stays_the_same_text(div: str) -> None:
    body = json.dumps({"resourceType": "Patient", "text": {"status": "generated", "div": div}}).encode()
    parse(Release.R4, body)
    xml = to_xml(Release.R4, body)
    assert div.encode() in xml
    assert read(xml)["text"]["div"] == div


def test_entities_of_html_in_a_narrative_are_written_as_numbers() -> None:
    written = write(text={"status": "generated", "div": f"{DIV}a&nbsp;b&eacute;&lt;</div>"})
    assert f"{DIV}a&#160;b&#233;&lt;</div>" in written


@pytest.mark.parametrize(
    "body",
    [
        f'<Patient xmlns="http://hl7.org/fhir" xmlns:h="{XHTML}"><text><h:div><h:p>a</h:p></h:div></text></Patient>',
        f'<f:Patient xmlns:f="http://hl7.org/fhir" xmlns="{XHTML}"><f:text><div><p>a</p></div></f:text></f:Patient>',
    ],
)
def test_a_narrative_takes_its_namespace_along(body: str) -> None:
    div = read(body.encode())["text"]["div"]
    assert div.count(XHTML) == 1
    root: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, _: root.append(name)
    parser.Parse(div, True)
    assert [name.rpartition(" ")[::2] for name in root if name.endswith(" p")] in ([(XHTML, "p")], [])
    assert root[0] == f"{XHTML} div"


def test_prefixes_comments_instructions_and_schema_locations_make_no_difference() -> None:
    body = (
        '\ufeff<?xml version="1.0" encoding="utf-8"?><?xml-stylesheet href="x"?><!-- a -->\n'
        '<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://hl7.org/fhir patient.xsd">\n  <!-- b --><?php c?><f:active value="true"/>\n'
        "<![CDATA[ ]]></f:Patient><!-- d -->"
    )
    assert read(body.encode()) == {"active": True}


@pytest.mark.parametrize(
    ("inside", "place"),
    [
        ("<foo/>", "Patient.foo"),
        ('<name><given value="a"/><foo><bar/></foo></name>', "Patient.name[0].foo"),
        ('<name/><name><given value="a"/><given value="b" c="d"/></name>', "Patient.name[1].given[1]"),
        ('<contact/><contact><name id="x" value="a"/></contact>', "Patient.contact[1].name"),
        ('<x:active xmlns:x="http://example.org" value="true"/>', "Patient"),
        ('<active xmlns="" value="true"/>', "Patient"),
        ('<active xml:lang="nl" value="true"/>', "Patient.active"),
        ('<active xmlns:x="http://hl7.org/fhir" x:value="true"/>', "Patient.active"),
        ('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>', "Patient"),
        ("text", "Patient"),
        ('<name>text<given value="a"/></name>', "Patient.name[0]"),
        ('<active value="true">x</active>', "Patient.active"),
        ("<name><![CDATA[text]]></name>", "Patient.name[0]"),
        ('<active value="true"/><active value="false"/>', "Patient.active"),
        ('<active value="true"/><active id="a"/>', "Patient.active"),
        ('<maritalStatus><text value="a"/></maritalStatus><maritalStatus/>', "Patient.maritalStatus"),
        ("<active/>", "Patient.active"),
        ("<name><given/></name>", "Patient.name[0].given[0]"),
        ('<id value="a" id="b"/>', None),
        ("<contained/>", "Patient.contained[0]"),
        ("<contained><Foo/></contained>", "Patient.contained[0]"),
        ("<contained><Device/><Device/></contained>", "Patient.contained[0]"),
        ("<contained><Device/><Group/></contained>", "Patient.contained[0]"),
        ('<contained id="a"><Device/></contained>', "Patient.contained[0]"),
        ("<contained><Device/></contained><contained><Device><x/></Device></contained>", "Patient.contained[1].x"),
        ("<text><div>a</div></text>", "Patient.text"),
        (f'<text>{DIV}a</div><div xmlns="{XHTML}">b</div></text>', "Patient.text.div"),
        (f'<name xmlns="{XHTML}"/>', "Patient"),
        ('<resourceType value="Patient"/>', "Patient.resourceType"),
        ('<_active id="a"/>', "Patient"),
    ],
)
def test_a_fault_is_told_with_its_place(inside: str, place: str | None) -> None:
    if place is None:
        with pytest.raises(InvalidResourceError) as error:
            parse(Release.R4, to_json(Release.R4, patient(inside)))
        assert error.value.issues[0].expression in {"Patient._id", "Patient.id"}
        return
    assert faults(patient(inside)) == {("InvalidResourceError", place)}


def test_all_faults_are_told_up_to_a_number() -> None:
    two = patient('<foo/><name><given value="a"/><bar/></name>')
    assert faults(two) == {("InvalidResourceError", "Patient.foo"), ("InvalidResourceError", "Patient.name[0].bar")}
    with pytest.raises(InvalidResourceError) as error:
        to_json(Release.R4, patient("<foo/>" * 10_000))
    assert len(error.value.issues) == ISSUES_MAX


def test_no_value_and_no_strange_name_is_repeated_in_a_message() -> None:
    body = patient('<active value="geheim"/><Jan.Geheim/><name geheim-x="a">geheim</name>')
    with pytest.raises(InvalidResourceError) as error:
        to_json(Release.R4, body)
    assert len(error.value.issues) == 4
    assert "geheim" not in str([(issue.diagnostics, issue.expression) for issue in error.value.issues]).lower()


ENTITIES = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{}",
        b"<Patient",
        b'<Patient xmlns="http://hl7.org/fhir">',
        b'<Patient xmlns="http://hl7.org/fhir"/><Patient xmlns="http://hl7.org/fhir"/>',
        b'<Patient xmlns="http://hl7.org/fhir"/>text',
        b"<Patient/>",
        b'<Patient xmlns="http://hl7.org/fhir/"/>',
        b'<Foo xmlns="http://hl7.org/fhir"/>',
        b'<Resource xmlns="http://hl7.org/fhir"/>',
        b'<HumanName xmlns="http://hl7.org/fhir"/>',
        b'<html xmlns="http://www.w3.org/1999/xhtml"/>',
        b'<x:Patient xmlns="http://hl7.org/fhir"/>',
        b'<Patient xmlns="http://hl7.org/fhir status"/>',
        b'<Patient xmlns="http://hl7.org/fhir"><active value="true" value="false"/></Patient>',
        patient('<name><text value="&nbsp;"/></name>'),
        patient('<name><text value="&#0;"/></name>'),
        patient('<name><text value="\x01"/></name>'),
        patient('<name><text value="\uffff"/></name>'),
        patient('<name><text value="a<b"/></name>'),
        patient("<active value=true/>"),
        b'<Patient xmlns="http://hl7.org/fhir"><name><text value="\xff"/></name></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><name><text value="\xed\xa0\x80"/></name></Patient>',
        patient("").decode().encode("utf-16"),
        patient("").decode().encode("utf-16-le"),
        patient("").decode().encode("utf-32"),
        b"+ADw-Patient xmlns=+ACI-http://hl7.org/fhir+ACI-/+AD4-",
        b'<?xml version="1.0" encoding="UTF-7"?>' + patient(""),
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + patient(""),
        b'<?xml version="1.0" encoding="UTF-16"?>' + patient(""),
        b"<!DOCTYPE Patient>" + patient(""),
        f'<!DOCTYPE Patient [<!ENTITY a0 "ha">{ENTITIES}]>'.encode() + patient('<name><text value="&a9;"/></name>'),
        b'<!DOCTYPE Patient [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + patient("<name>&e;</name>"),
        b'<!DOCTYPE Patient SYSTEM "http://127.0.0.1:9/x.dtd">' + patient(""),
        b'<!DOCTYPE Patient [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>' + patient(""),
    ],
)
def test_what_is_not_fhir_in_xml_is_malformed(body: bytes) -> None:
    started = time.thread_time()
    assert faults(body) == {("MalformedError", None)}
    assert time.thread_time() - started < 1


@pytest.mark.parametrize("release", list(Release))
def test_a_type_of_the_other_release_only_is_malformed(release: Release) -> None:
    name = {Release.STU3: "ServiceRequest", Release.R4: "ProcedureRequest"}[release]
    body = f'<{name} xmlns="http://hl7.org/fhir"/>'.encode()
    assert faults(body, release) == {("MalformedError", None)}


def nested(depth: int) -> bytes:
    return patient('<extension url="a">' * depth + "</extension>" * depth)


LARGE: list[tuple[str, Callable[[], bytes]]] = [
    ("elements nested deep", lambda: nested(200_000)),
    ("unknown elements nested deep", lambda: patient("<x>" * 500_000 + "</x>" * 500_000)),
    ("a narrative nested deep", lambda: patient(f"<text>{DIV}{'<p>' * 300_000}{'</p>' * 300_000}</div></text>")),
    ("many attributes", lambda: patient("<name " + " ".join(f"a{n}=''" for n in range(200_000)) + "/>")),
    ("many namespaces", lambda: patient("<name " + " ".join(f"xmlns:a{n}='u'" for n in range(100_000)) + "/>")),
    ("a long name", lambda: patient(f"<{'x' * 4_000_000}/>")),
    ("a long number", lambda: patient(f'<multipleBirthInteger value="1{"0" * 4_000_000}x"/>')),
    ("many texts", lambda: patient("a<!-- -->" * 400_000)),
    ("many roots of a narrative", lambda: patient(f"<text>{f'{DIV}</div>' * 50_000}</text>")),
    (
        "many narratives with a namespace from further out",
        lambda: patient(f'<name xmlns:h="{XHTML}">' + "<text><h:div/></text>" * 100_000 + "</name>"),
    ),
    (
        "many resources with such a narrative",
        lambda: patient("<contained><Device><text><h:div/></text></Device></contained>" * 50_000).replace(
            b"<Patient", f'<Patient xmlns:h="{XHTML}"'.encode()
        ),
    ),
]


@pytest.mark.parametrize(("what", "body"), LARGE, ids=[what for what, _ in LARGE])
def test_hostile_bodies_are_refused_in_bounded_time(what: str, body: Callable[[], bytes]) -> None:
    made = body()
    started = time.thread_time()
    with pytest.raises(InvalidResourceError):
        parse(Release.R4, to_json(Release.R4, made))
    assert time.thread_time() - started < 8, what


def test_a_huge_attribute_costs_no_more_than_its_length() -> None:
    started = time.thread_time()
    tree = read(patient(f'<name><text value="{"a" * 8_000_000}"/></name>'))
    assert len(tree["name"][0]["text"]) == 8_000_000
    assert time.thread_time() - started < 2


def test_depth_is_bounded_where_it_is_asked() -> None:
    to_json(Release.R4, nested(4), maximum_depth=5)
    with pytest.raises(MalformedError) as error:
        to_json(Release.R4, nested(5), maximum_depth=5)
    assert error.value.issues[0].expression == "Patient" + ".extension[0]" * 4


def test_nothing_is_left_out_in_silence() -> None:
    with pytest.raises(ValueError, match="no resource of FHIR"):
        to_xml(Release.R4, b'{"resourceType":"Patient","foo":"a"}')
    with pytest.raises(ValueError, match="no resource of FHIR"):
        to_xml(Release.STU3, b'{"resourceType":"ServiceRequest"}')


def test_what_is_read_leaves_nothing_behind() -> None:
    import gc

    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            to_json(Release.R4, nested(3))
        assert gc.collect() == 0
    finally:
        gc.enable()
