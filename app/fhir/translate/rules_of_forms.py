"""What HL7 rebuilt between STU3 and R4 in questionnaires and in media; ``rules.py`` says what a rule is.

Spec: https://hl7.org/fhir/R4/questionnaire.html, https://hl7.org/fhir/STU3/questionnaire.html
"""

from app.fhir.translate.tools import Node, Tools

_COMPLEX = ("Attachment", "Coding", "Quantity", "Reference")
_MEDIA_TYPE = "http://terminology.hl7.org/CodeSystem/media-type"
_MEDIA_TYPES = {"audio": "audio", "photo": "image", "video": "video"}


def item_to_r4(tools: Tools, left: Node) -> Node:
    """Tell one item: what it begins with, and that any of several conditions is enough, as STU3 has it."""
    made: Node = {}
    given = [name for name in left if name.lstrip("_").startswith("initial")]
    if len(given) == 1 and given[0][0] != "_" and not tools.is_kept("initial"):
        kind = given[0].removeprefix("initial")
        value = left.pop(given[0])
        made["initial"] = [{f"value{kind}": tools.told(kind, value) if kind in _COMPLEX else value}]
    if len(left.get("enableWhen", ())) > 1 and not tools.is_kept("enableBehavior"):
        made["enableBehavior"] = "any"
    return made


def item_to_stu3(tools: Tools, left: Node) -> Node:
    """Tell one item, of which STU3 has one value to begin with."""
    has_several = len(left.get("enableWhen", ())) > 1
    if has_several and not left.keys() & {"enableBehavior", "_enableBehavior"}:
        tools.lose("enableWhen", "In FHIR {version} any of several conditions is enough; here it is not said.")
    if has_several and left.get("enableBehavior") == "any" and "_enableBehavior" not in left:
        del left["enableBehavior"]
    several = left.get("initial", [])
    if len(several) != 1 or len(several[0]) != 1 or not next(iter(several[0])).startswith("value"):
        return {}
    name, value = next(iter(several[0].items()))
    kind = name.removeprefix("value")
    del left["initial"]
    return {f"initial{kind}": tools.told(kind, value) if kind in _COMPLEX else value}


def condition_to_r4(tools: Tools, left: Node) -> Node:
    """Tell when an item is shown: STU3 knows that there is an answer, and that it is this one."""
    if tools.is_kept("operator"):
        return {}
    answers = [name for name in left if name.lstrip("_").startswith("answer")]
    if "hasAnswer" in left and "_hasAnswer" not in left and not answers:
        return {"operator": "exists", "answerBoolean": left.pop("hasAnswer")}
    return {"operator": "="} if answers and "hasAnswer" not in left else {}


def condition_to_stu3(tools: Tools, left: Node) -> Node:
    """Tell when an item is shown; the answer that another comparison is about is kept, so that it isn't taken for equal."""
    operator = None if "_operator" in left else left.get("operator")
    answers = [name for name in left if name.lstrip("_").startswith("answer")]
    if operator == "exists" and answers == ["answerBoolean"]:
        del left["operator"]
        return {"hasAnswer": left.pop("answerBoolean")}
    if operator == "=" and answers:
        del left["operator"]
        return {}
    for name in dict.fromkeys(name.lstrip("_") for name in answers):
        tools.keep(left, name)
    return {}


def media_to_r4(_: Tools, left: Node) -> Node:
    """Tell whether it is an image, a video or a sound."""
    if "_type" in left or left.get("type") not in _MEDIA_TYPES:
        return {}
    return {"type": {"coding": [{"system": _MEDIA_TYPE, "code": _MEDIA_TYPES[left.pop("type")]}]}}


def media_to_stu3(_: Tools, left: Node) -> Node:
    """Tell whether it is a photo, a video or a sound; a concept that says more is kept besides."""
    codings = left.get("type", {}).get("coding", [])
    codes = {new: old for old, new in _MEDIA_TYPES.items()}
    found = [one["code"] for one in codings if one.get("system") == _MEDIA_TYPE and one.get("code") in codes]
    if not found:
        return {}
    if left["type"] == {"coding": [{"system": _MEDIA_TYPE, "code": found[0]}]}:
        del left["type"]
    return {"type": codes[found[0]]}
