"""UCUM units brought to one canonical unit per kind of quantity, so that 1 kPa and 7.5 mm[Hg] can be compared.

A small parser of UCUM terms with the units that occur in care at home and in general practice. What it doesn't know stays as
it is: such a quantity is compared with the same unit only. Mole is a base unit here (in UCUM it is a plain number), because
mmol/L and 1/L are not the same kind of thing to anybody who reads them.

Spec: https://ucum.org/ucum, https://hl7.org/fhir/R4/search.html#quantity
"""

import re
import sys
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

UCUM = "http://unitsofmeasure.org"

_LENGTH_MAX = 64
Dimensions = tuple[tuple[str, int], ...]
"""Base units with their exponents, sorted: pressure is (("g", 1), ("m", -1), ("s", -2))."""


@dataclass(frozen=True, slots=True)
class CanonicalUnit:
    """The unit that quantities of one kind are compared in: ``canonical = value * factor + offset``, exactly."""

    code: str
    factor: Fraction
    offset: Fraction = Fraction(0)

    @property
    def is_identity(self) -> bool:
        """Return whether values stay as they are."""
        return self.factor == 1 and self.offset == 0

    def convert(self, value: Decimal) -> float:
        """Return ``value`` in the canonical unit, as the nearest float; ``value`` must be ``is_comparable``."""
        converted = Fraction(value) * self.factor + self.offset
        try:
            return float(converted)
        except OverflowError:  # 1E300 Ym: beyond all that is measured, and the largest float is nearest
            return sys.float_info.max if converted > 0 else -sys.float_info.max


def is_comparable(value: Decimal) -> bool:
    """Return whether ``value`` is of a size that a float holds; others would cost unbounded time and find nothing."""
    return value.is_finite() and -300 <= value.adjusted() <= 300


def canonical_unit(code: str) -> CanonicalUnit | None:
    """Return how to bring values in the UCUM unit ``code`` to the canonical unit; None for a unit that isn't known."""
    return _kept(code) if len(code) <= _LENGTH_MAX else None


@lru_cache(maxsize=4096)
def _kept(code: str) -> CanonicalUnit | None:
    if code in _TEMPERATURES:
        return _TEMPERATURES[code]
    try:
        factor, dimensions = _Parser(code).whole()
    except (KeyError, ValueError, ZeroDivisionError):
        return None
    preferred = _PREFERRED.get(dimensions)
    if preferred is None:
        return CanonicalUnit(_name(dimensions), factor)
    if preferred in _TEMPERATURES:
        return CanonicalUnit(preferred, factor, _TEMPERATURES["K"].offset)
    return CanonicalUnit(preferred, factor / _Parser(preferred).whole()[0])


_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip

_METRIC: dict[str, tuple[str, str]] = {
    # unit: (number, in terms of these)
    "m": ("1", ""),
    "g": ("1", ""),
    "s": ("1", ""),
    "K": ("1", ""),
    "mol": ("1", ""),
    "osm": ("1", ""),
    "[iU]": ("1", ""),
    "[IU]": ("1", "[iU]"),
    "eq": ("1", "mol"),
    "l": ("0.001", "m3"),
    "L": ("0.001", "m3"),
    "N": ("1000", "g.m/s2"),
    "Pa": ("1000", "g/m/s2"),
    "bar": ("100000000", "g/m/s2"),
    "m[Hg]": ("133322000", "g/m/s2"),
    "m[H2O]": ("9806650", "g/m/s2"),
    "J": ("1000", "g.m2/s2"),
    "cal": ("4184", "g.m2/s2"),
    "W": ("1000", "g.m2/s3"),
    "Hz": ("1", "/s"),
    "kat": ("1", "mol/s"),
    "U": ("0.000001", "mol/min"),
    "t": ("1000000", "g"),
}
_PLAIN: dict[str, tuple[str, str]] = {
    "%": ("0.01", ""),
    "[ppth]": ("0.001", ""),
    "[ppm]": ("0.000001", ""),
    "[ppb]": ("0.000000001", ""),
    "[pH]": ("1", ""),
    "10*": ("10", ""),
    "10^": ("10", ""),
    "min": ("60", "s"),
    "h": ("3600", "s"),
    "d": ("86400", "s"),
    "wk": ("604800", "s"),
    "mo": ("2629800", "s"),
    "a": ("31557600", "s"),
    "[lb_av]": ("453.59237", "g"),
    "[oz_av]": ("28.349523125", "g"),
    "[in_i]": ("0.0254", "m"),
    "[ft_i]": ("0.3048", "m"),
    "[drp]": ("0.00000005", "m3"),
}
_BASE = frozenset({"m", "g", "s", "K", "mol", "osm", "[iU]", "[pH]"})

_TEMPERATURES = {
    "Cel": CanonicalUnit("Cel", Fraction(1)),
    "K": CanonicalUnit("Cel", Fraction(1), Fraction("-273.15")),
    "[degF]": CanonicalUnit("Cel", Fraction(5, 9), Fraction(-160, 9)),
}

_PREFERRED: dict[Dimensions, str] = {
    # What is most measured needs one index row instead of two if the canonical unit is the usual one.
    (("g", 1), ("m", -1), ("s", -2)): "mm[Hg]",
    (("g", 1),): "kg",
    (("m", 1),): "cm",
    (("m", 3),): "mL",
    (("m", -3), ("mol", 1)): "mmol/L",
    (("s", -1),): "/min",
    (("s", 1),): "min",
    (("K", 1),): "Cel",
    (): "%",
}

_ATOM = re.compile(r"(?P<unit>10[*^]|(?:[A-Za-z%'\"_]|\[[^\]\s]+\])+)(?P<exponent>[+-]?\d{1,2})?|(?P<number>\d{1,9})")
_ANNOTATION = re.compile(r"\{[^{}]*\}")

_Term = tuple[Fraction, Dimensions]


class _Parser:
    """Recursive descent over one UCUM term, such as ``10*9/L`` or ``{breaths}/min``."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.position = 0

    def whole(self) -> _Term:
        if not self.code:
            raise ValueError
        term = self.term()
        if self.position != len(self.code):
            raise ValueError
        return term

    def term(self) -> _Term:
        result: _Term = (Fraction(1), ())
        sign = -1 if self.take("/") else 1
        while True:
            result = _multiply(result, _power(self.component(), sign))
            if self.take("."):
                sign = 1
            elif self.take("/"):
                sign = -1
            else:
                return result

    def component(self) -> _Term:
        if self.take("("):
            term = self.term()
            if not self.take(")"):
                raise ValueError
            return term
        found = _ATOM.match(self.code, self.position)
        if found:
            self.position = found.end()
        annotation = _ANNOTATION.match(self.code, self.position)
        if annotation:
            self.position = annotation.end()
        if not found:
            if not annotation:
                raise ValueError
            return Fraction(1), ()
        if found["number"]:
            return Fraction(int(found["number"])), ()
        return _power(_atom(found["unit"]), int(found["exponent"] or 1))

    def take(self, sign: str) -> bool:
        taken = self.code.startswith(sign, self.position)
        self.position += taken
        return taken


def _atom(unit: str) -> _Term:
    """Return a unit with or without a prefix. Raises: KeyError, where it isn't known."""
    known = _METRIC.get(unit) or _PLAIN.get(unit)
    if known:
        return _definition(unit, known)
    for prefix in (unit[:2], unit[:1]):
        if prefix in _PREFIXES and unit[len(prefix) :] in _METRIC:
            rest = unit[len(prefix) :]
            factor, dimensions = _definition(rest, _METRIC[rest])
            return factor * Fraction(10) ** _PREFIXES[prefix], dimensions
    raise KeyError(unit)


def _definition(unit: str, known: tuple[str, str]) -> _Term:
    if unit in _BASE:
        return Fraction(1), ((unit, 1),)
    number, others = known
    factor, dimensions = _Parser(others).whole() if others else (Fraction(1), ())
    return Fraction(number) * factor, dimensions


def _multiply(one: _Term, other: _Term) -> _Term:
    exponents = dict(one[1])
    for unit, exponent in other[1]:
        exponents[unit] = exponents.get(unit, 0) + exponent
    return one[0] * other[0], tuple(sorted((unit, exponent) for unit, exponent in exponents.items() if exponent))


def _power(term: _Term, exponent: int) -> _Term:
    return term[0] ** exponent, tuple((unit, power * exponent) for unit, power in term[1])


def _name(dimensions: Dimensions) -> str:
    return ".".join(unit if exponent == 1 else f"{unit}{exponent}" for unit, exponent in dimensions)
