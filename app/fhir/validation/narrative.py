"""Is this XHTML a narrative that may be shown? Static text, tables, lists, images that are inside; nothing active.

A narrative is written by other parties and read by people in their browser, so it holds no scripts, forms, frames or
event handlers (the specification) and nothing that makes the browser ask another server (a picture there would tell
who reads what, and when). Links are allowed: they do nothing until somebody follows them.

Spec: https://hl7.org/fhir/R4/narrative.html#xhtml, https://hl7.org/fhir/STU3/narrative.html#xhtml
"""

import re
from html.entities import html5
from xml.parsers import expat

NAMESPACE = "http://www.w3.org/1999/xhtml"
ELEMENTS = frozenset(
    """
    a abbr acronym address b bdo big blockquote br caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 h4 h5
    h6 hr i img ins kbd li ol p pre q s samp small span strike strong sub sup table tbody td tfoot th thead tr tt u ul
    var center font
    """.split()
)
ATTRIBUTES = frozenset(
    """
    abbr accesskey align alt axis background bgcolor border cellpadding cellspacing char charoff charset cite class
    clear color colspan compact coords datetime dir face frame headers height href hreflang hspace id lang longdesc name
    noshade nowrap rel rev rowspan rules scope shape size span src start style summary tabindex title type valign value
    vspace width xml:lang xml:space
    """.split()
)
LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel", "ftp", "urn"})
EXPLANATION = "must be XHTML in one div, without scripts, forms, event handlers, and content from elsewhere"

_ENTITY = re.compile(r"&(\w+);")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BINARY = re.compile(r"Binary/[A-Za-z0-9\-.]{1,64}")
# What most narratives are: one div with a text that says something. Control characters, and what XML writes otherwise, are for the parser.
_PLAIN = re.compile(rf"""<div xmlns="{re.escape(NAMESPACE)}">(?=\s*[^\s<])[ -%'-;=?-~\xa0-\ud7ff]+</div>""")
_IGNORED_IN_URL = re.compile(r"[\x00-\x20]+")
# What fetches, runs or covers the page; escapes and comments could hide such a word.
_ACTIVE_STYLE = re.compile(
    r"url\s*\(|image\s*\(|image-set|expression|@|behavior|binding|position|/\*|\\", re.IGNORECASE
)


class _NotAllowedError(Exception):
    """Something in the narrative is outside the safe subset."""


def is_safe_narrative(div: str) -> bool:
    """Return whether ``div`` is well-formed XHTML in the safe subset that a narrative may use, and says something."""
    return _PLAIN.fullmatch(div) is not None or _is_parsed_safe(div)


def _is_parsed_safe(div: str) -> bool:
    parser = expat.ParserCreate(namespace_separator=" ")
    content: list[bool] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        is_root = not content
        if namespace != NAMESPACE or local not in ELEMENTS or (is_root and local != "div"):
            raise _NotAllowedError
        content.append(local == "img")
        for attribute, value in attributes.items():
            if not _is_safe_attribute(local, attribute.replace("http://www.w3.org/XML/1998/namespace ", "xml:"), value):
                raise _NotAllowedError

    def text(data: str) -> None:
        if not data.isspace():
            content.append(True)

    def comment(data: str) -> None:
        # In HTML these end at once, and what is a comment here would be content there.
        if data.startswith((">", "->")):
            raise _NotAllowedError

    def refuse(*_: object) -> None:
        raise _NotAllowedError

    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    parser.CommentHandler = comment
    parser.StartCdataSectionHandler = refuse  # HTML would read its text as elements
    parser.StartDoctypeDeclHandler = refuse
    parser.ProcessingInstructionHandler = refuse
    parser.XmlDeclHandler = refuse
    if div.startswith("\ufeff"):
        return False  # expat would take it for a mark of the encoding, in the XML of a resource it would be text
    try:
        parser.Parse(as_xml(div), True)  # noqa: FBT003 - it takes no names
    except (expat.ExpatError, _NotAllowedError):
        return False
    return any(content)


def as_xml(div: str) -> str:
    """Return a narrative as it may stand in XML, which has no entities of HTML: those by number."""
    return _ENTITY.sub(_character, div) if "&" in div else div


def _character(match: re.Match[str]) -> str:
    """Return an HTML entity such as ``&eacute;`` by number, as XML has it; others are left for XML to judge.

    By number, so that no ``&LT;`` becomes markup.
    """
    characters = "" if match[1] in _XML_ENTITIES else html5.get(f"{match[1]};", "")
    return "".join(f"&#{ord(character)};" for character in characters) or match[0]


def _is_safe_attribute(element: str, name: str, value: str) -> bool:
    """Return whether the attribute is one of the listed ones and neither acts nor fetches anything."""
    if name not in ATTRIBUTES:
        return False
    if name == "style":
        return not _ACTIVE_STYLE.search(value)
    if name in {"href", "cite", "longdesc"}:
        scheme = _SCHEME.match(_IGNORED_IN_URL.sub("", value))
        return scheme is None or scheme[1].lower() in LINK_SCHEMES
    if name in {"src", "background"}:
        return element == "img" and _is_inside(value)
    return True


def _is_inside(source: str) -> bool:
    """Return whether a picture is here: embedded (a browser runs nothing in it), contained, or a Binary of this server."""
    return source.strip().lower().startswith(("#", "data:")) or _BINARY.fullmatch(source) is not None
