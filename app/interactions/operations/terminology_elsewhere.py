"""The terminology operations, with the terminology server where what is at hand here does not do.

Of a question only canonical URLs, systems and codes go there: what a code is called, and what is looked for in a list, is
compared here.

Spec: https://hl7.org/fhir/R4/terminology-service.html, https://hl7.org/fhir/STU3/terminology-service.html
"""

from collections.abc import Sequence

from app.errors import CodesNotKnownError, NotFoundError
from app.fhir.release import Release
from app.fhir.terminology.code_system import Concept
from app.interactions.beside import beside
from app.interactions.context import Context
from app.interactions.operations import terminology as here
from app.interactions.operations.terminology import Asked, Coding, Expansion, Tree, Verdict
from app.interactions.terminology_server import Question, belongs, result


async def expand(context: Context, release: Release, asked: Asked, wanted: Expansion) -> Tree:
    """Return a value set with its codes. Raises: as the operation here, if it isn't known elsewhere either."""
    terminology = context.conformance.terminology(release)
    try:
        return await beside(lambda: here.expand(terminology, asked, wanted, context.clock()))
    except (NotFoundError, CodesNotKnownError):
        if asked.url is None or asked.sent is not None:
            raise
        answer = await _answer(context, Question(release, "ValueSet/$expand", (("url", asked.url),)))
        codes = terminology.expand({"expansion": answer["expansion"]}) if answer and "expansion" in answer else None
        if answer is None or codes is None or not codes.is_complete:
            raise
        return here.listed(answer, codes, wanted, context.clock())


async def validate_in_value_set(
    context: Context, release: Release, asked: Asked, codings: Sequence[Coding], *, abstract: bool, language: str
) -> Verdict:
    """Return whether a coding belongs to a value set. Raises: as the operation here, if it isn't known elsewhere either."""
    terminology = context.conformance.terminology(release)
    try:
        return await beside(
            lambda: here.validate_in_value_set(terminology, asked, codings, abstract=abstract, language=language)
        )
    except (NotFoundError, CodesNotKnownError):
        if asked.url is None or asked.sent is not None:
            raise
        verdicts = []
        for coding in codings:
            answer = await _answer(context, belongs(release, asked.url, coding.system, coding.code))
            verdicts.append(result(answer))
            if result(answer) is True:
                return here.judged(coding, _concept(coding, answer), abstract=abstract, language=language)
        if None in verdicts:
            raise
        return here.belongs_not(asked, codings)


async def validate_in_system(
    context: Context, release: Release, coding: Coding, *, abstract: bool, language: str
) -> Verdict:
    """Return whether a code is in its code system. Raises: as the operation here, if it isn't known elsewhere either."""
    terminology = context.conformance.terminology(release)
    try:
        return await beside(lambda: here.validate_in_system(terminology, coding, abstract=abstract, language=language))
    except (NotFoundError, CodesNotKnownError):
        asked = (("url", coding.system), ("code", coding.code), *_version(coding))
        answer = await _answer(context, Question(release, "CodeSystem/$validate-code", asked))
        if result(answer) is None:
            raise
        if result(answer):
            return here.judged(coding, _concept(coding, answer), abstract=abstract, language=language)
        return here.is_none(coding)


async def lookup(context: Context, release: Release, coding: Coding, wanted: Sequence[str], language: str) -> Tree:
    """Return what is said of a code. Raises: as the operation here, if it isn't known elsewhere either."""
    terminology = context.conformance.terminology(release)
    try:
        return await beside(lambda: here.lookup(release, terminology, coding, wanted, language))
    except NotFoundError:
        asked = [("system", coding.system), ("code", coding.code), *_version(coding)]
        asked += [("property", one) for one in wanted] + ([("displayLanguage", language)] if language else [])
        answer = await _answer(context, Question(release, "CodeSystem/$lookup", tuple(asked)))
        if answer is None:
            raise
        return answer


async def subsumes(context: Context, release: Release, one: Coding, other: Coding) -> Tree:
    """Return how two codes lie to each other. Raises: as the operation here, if it isn't known elsewhere either."""
    terminology = context.conformance.terminology(release)
    try:
        return await beside(lambda: here.subsumes(terminology, one, other))
    except NotFoundError:
        asked = (("codeA", one.code), ("codeB", other.code), ("system", one.system), *_version(one))
        answer = await _answer(context, Question(release, "CodeSystem/$subsumes", asked))
        if answer is None:
            raise
        return answer


async def _answer(context: Context, question: Question) -> Tree | None:
    """Return what the server says, None if there is none or it doesn't know."""
    return None if context.terminology_server is None else await context.terminology_server.ask(question)


def _version(coding: Coding) -> tuple[tuple[str, str], ...]:
    return (("version", coding.version),) if coding.version else ()


def _concept(coding: Coding, answer: Tree | None) -> Concept:
    """Return a code as the server calls it."""
    said = (answer or {}).get("parameter", ())
    return Concept(coding.code, next((str(one.get("valueString")) for one in said if one.get("name") == "display"), ""))
