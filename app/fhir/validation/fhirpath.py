"""FHIRPath as the rules of profiles use it, compiled to plain functions: a rule takes microseconds.

What is not understood (arithmetic, dates, most conversions) is refused when a rule is compiled, so that it can be said that
it is not checked. Tests hold the answers against fhirpathpy, which knows the whole language and takes ten times as long.

Spec: https://hl7.org/fhirpath/N1/
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.fhir.validation.fhirpath_functions import (
    FOR_TYPE,
    FUNCTIONS,
    OPERATORS,
    VARIABLES,
    Evaluate,
    NotUnderstoodError,
    Scope,
    members,
    truth,
)
from app.fhir.validation.profile_run import Item

__all__ = ["NotUnderstoodError", "Scope", "compile_rule", "compile_truth"]

DEPTH_MAX = 30
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>\$this|%\w+|[A-Za-z_]\w*|`[^`]+`)"
    r"|(?P<sign><=|>=|!=|\{\s*\}|[()\[\].,|=<>+]))"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def compile_rule(expression: str) -> Callable[[Scope], bool]:
    """Return whether a rule holds for ``scope.context``; no answer counts as no.

    The function raises NotUnderstoodError where values are of kinds that can't be compared here.
    Raises: NotUnderstoodError.
    """
    answer = compile_truth(expression)
    return lambda scope: answer(scope) is True


def compile_truth(expression: str) -> Callable[[Scope], bool | None]:
    """Return whether a rule holds for ``scope.context``; None where it has no answer. Raises: as ``compile_rule``."""
    evaluate = _Parser(expression).whole()
    return lambda scope: truth(evaluate(scope, [scope.context]))


class _Parser:
    """A parser by precedence: each level takes what binds tighter, then its own operators."""

    _LEVELS = (("implies",), ("or", "xor"), ("and",), ("in", "contains"), ("=", "!="), ("<", ">", "<=", ">="), ("|",))

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.next = 0
        self.depth = 0
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise NotUnderstoodError("It has a sign that is not understood.")
            position = match.end()
            self.tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))

    def whole(self) -> Evaluate:
        """Return the function of the whole text."""
        found = self.level(0)
        if self.next < len(self.tokens):
            raise NotUnderstoodError("It does not end where it should.")
        return found

    def peek(self) -> str:
        """Return the next token that is no text; empty if there is none."""
        if self.next >= len(self.tokens) or self.tokens[self.next][0] == "text":
            return ""
        return self.tokens[self.next][1]

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        """Return the next token and go on."""
        if self.next >= len(self.tokens) or (wanted is not None and self.peek() != wanted):
            raise NotUnderstoodError("It lacks a part.")
        self.next += 1
        return self.tokens[self.next - 1]

    def level(self, number: int) -> Evaluate:
        """Return an expression of operators that bind as tightly as those of this level, or tighter."""
        if number == len(self._LEVELS):
            return self.typed()
        found = self.level(number + 1)
        while self.peek() in self._LEVELS[number]:
            operator = self.take()[1]
            found = _operation(OPERATORS[operator], found, self.level(number + 1))
        return found

    def typed(self) -> Evaluate:
        """Return an expression with ``is`` and ``as``."""
        found = self.sum()
        while self.peek() in ("is", "as"):
            word = self.take()[1]
            name = self.type_name()
            found = _after(found, _typed(word, name))
        return found

    def sum(self) -> Evaluate:
        """Return an expression with ``+``."""
        found = self.chain()
        while self.peek() == "+":
            self.take()
            found = _operation(OPERATORS["+"], found, self.chain())
        return found

    def type_name(self) -> str:
        """Return the name of a type, without what stands before a dot."""
        name = self.take()[1]
        while self.peek() == ".":
            self.take()
            name = self.take()[1]
        return name

    def chain(self) -> Evaluate:
        """Return a term with the steps after it."""
        found = self.term()
        while self.peek() in (".", "["):
            if self.take()[1] == "[":
                found = _after(found, _at(self.take()[1]))
                self.take("]")
            else:
                found = self.step(found)
        return found

    def term(self) -> Evaluate:
        """Return a literal, a variable, an expression in parentheses, or a first step."""
        kind, text = self.tokens[self.next] if self.next < len(self.tokens) else ("", "")
        if kind == "text":
            self.take()
            return _literal(re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1]))
        if kind == "number":
            self.take()
            return _literal(Decimal(text) if "." in text else int(text))
        if text in ("true", "false"):
            self.take()
            return _literal(text == "true")
        if text.startswith("{"):
            self.take()
            return lambda _, __: []
        if text == "(":
            self.take()
            return self.inner(")")
        if text in VARIABLES:
            self.take()
            variable = VARIABLES[text]
            return lambda scope, _: [variable(scope)]
        return self.step(lambda _, focus: focus)

    def inner(self, end: str) -> Evaluate:
        """Return an expression inside another, up to its end."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise NotUnderstoodError("It is nested too deep.")
        found = self.level(0)
        self.depth -= 1
        self.take(end)
        return found

    def step(self, before: Evaluate) -> Evaluate:
        """Return a member, or a function, of what is before it."""
        kind, name = self.take()
        if kind != "name" or name[0] in "$%":
            raise NotUnderstoodError("It has something else where a name should be.")
        name = name.strip("`")
        if self.peek() != "(":
            return lambda scope, focus: members(scope, before(scope, focus), name)
        self.take("(")
        if name in FOR_TYPE:
            wanted = self.type_name()
            self.take(")")
            return _after(before, _typed(name, wanted))
        arguments: list[Evaluate] = []
        if self.peek() == ")":
            self.take()
        else:
            arguments.append(self.inner(")"))
        if (name, len(arguments)) not in FUNCTIONS:
            raise NotUnderstoodError(f"It uses {name}(), which is not understood.")
        call = FUNCTIONS[name, len(arguments)]
        return lambda scope, focus: call(before(scope, focus), scope, arguments)


def _after(before: Evaluate, then: Callable[[list[Item], Scope], list[Item]]) -> Evaluate:
    return lambda scope, focus: then(before(scope, focus), scope)


def _at(index: str) -> Callable[[list[Item], Scope], list[Item]]:
    if not index.isdigit():
        raise NotUnderstoodError("It has an index that is not a number.")
    return lambda items, _: items[int(index) : int(index) + 1]


def _typed(word: str, name: str) -> Callable[[list[Item], Scope], list[Item]]:
    return lambda items, _: FOR_TYPE[word](items, name)


def _literal(value: Any) -> Evaluate:
    item = Item(value, None, "", _kind_of(value))
    return lambda _, __: [item]


def _kind_of(value: Any) -> str:
    return "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "decimal"


def _operation(operator: Callable[[list[Item], list[Item]], list[Item]], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda scope, focus: operator(left(scope, focus), right(scope, focus))
