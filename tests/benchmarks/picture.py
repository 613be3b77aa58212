"""A small chart as SVG: with a title and a description that say in words what is to be seen."""

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

WIDTH = 760
INK, FAINT, LINE = "#222222", "#5b6670", "#d5dae0"
COLOURS = ("#1f5fa8", "#c75b12", "#6b7683", "#a9b2bc")
"""Regie on SQLite and on PostgreSQL, then others; they differ in lightness too."""


@dataclass(slots=True)
class Picture:
    """What is drawn, from the top; lengths are in pixels."""

    title: str
    about: str
    height: int
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, *, colour: str = INK, anchor: str = "start", size: int = 13) -> None:
        """Write words; ``anchor`` says which end of them is at x."""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-size="{size}" '
            f'stroke="#ffffff" stroke-width="3" paint-order="stroke">{escape(words)}</text>'
        )

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Draw a bar."""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" fill="{colour}"/>'
        )

    def line(self, points: list[tuple[float, float]], colour: str, width: float = 1.0, dashes: str = "") -> None:
        """Draw a line through points."""
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>')

    def dot(self, x: float, y: float, colour: str) -> None:
        """Draw a dot."""
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def key(self, y: float, names: list[tuple[str, str]], x: float = 16) -> None:
        """Say which colour is whose, in one row."""
        for name, colour in names:
            self.bar(x, y - 10, 12, 12, colour)
            self.text(x + 18, y, name)
            x += 38 + 7.2 * len(name)

    def svg(self) -> str:
        """Return the file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" '
            f'height="{self.height}" role="img" aria-labelledby="title about" font-family="sans-serif">'
        )
        lines = [
            head,
            f'<title id="title">{escape(self.title)}</title>',
            f'<desc id="about">{escape(self.about)}</desc>',
        ]
        lines.append(f'<rect width="{WIDTH}" height="{self.height}" fill="#ffffff"/>')
        lines.append(f'<text x="16" y="26" fill="{INK}" font-size="16" font-weight="bold">{escape(self.title)}</text>')
        return "\n".join([*lines, *self.parts, "</svg>"]) + "\n"

    def write(self, path: Path) -> None:
        """Write the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.svg(), encoding="utf-8")
