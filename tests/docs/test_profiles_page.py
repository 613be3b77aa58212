"""The page about Regie's own profiles lists what is in profiles/, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.fhir.packages.own import PROFILES, own_definitions
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from tests.support.pages import table

PAGE = (PROFILES.parent / "docs" / "profiles.md").read_text(encoding="utf-8")
FAMILIES = ("self-measurements", "care-plan", "medication", "gp-summary")
PROFILE_HEADER = ("profile", "in Dutch", "of", "what it is for", "example")
OTHER_HEADER = ("definition", "in Dutch", "kind", "what it is for")

Found = dict[str, dict[Release, tuple[Path, dict[str, Any]]]]


def definitions(*folders: str) -> Found:
    """Return the definitions in folders by the name of their file, each in the releases that have it."""
    found: Found = {}
    for release in Release:
        for one in own_definitions(PROFILES, release):
            if one.path.parent.name in folders:
                tree = decode_tree(one.path.read_bytes())
                found.setdefault(one.path.stem, {})[release] = (one.path, tree)
    return found


def is_profile(tree: dict[str, Any]) -> bool:
    """Return whether a definition is a profile on resources."""
    return (tree["resourceType"], tree.get("kind")) == ("StructureDefinition", "resource")


def dutch(tree: dict[str, Any]) -> str:
    """Return the title in Dutch, empty where there is none."""
    if "_title" not in tree:
        return ""
    return str(tree["_title"]["extension"][0]["extension"][1]["valueString"])


def link(path: Path, text: str) -> str:
    """Return a link from the page to a file."""
    return f"[{text}](../{path.relative_to(PROFILES.parent).as_posix()})"


def links(name: str, held: dict[Release, tuple[Path, dict[str, Any]]]) -> str:
    """Return the name of a definition with a link for each release."""
    return f"`{name}` " + " ".join(link(path, release.name) for release, (path, _) in held.items())


def profile_rows(family: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each profile of a family."""
    for name, held in sorted(definitions(family).items()):
        trees = [tree for _, tree in held.values()]
        if not is_profile(trees[0]):
            continue
        kinds = " or ".join(dict.fromkeys(tree["type"] for tree in trees))
        examples = [(release, PROFILES / release.path / "examples" / f"{name}.json") for release in held]
        shown = " ".join(link(path, release.name) for release, path in examples if path.exists())
        yield links(name, held), dutch(trees[0]), kinds, trees[0]["description"], shown or "for others to build on"


def other_rows() -> Iterator[tuple[str, ...]]:
    """Yield a row for each definition that is no profile on resources; a value set of a whole code system goes with it."""
    found = definitions("extensions", "terminology", "search", "conformance", *FAMILIES)
    for _, held in sorted(found.items()):
        tree = next(iter(held.values()))[1]
        if is_profile(tree) or (tree["resourceType"] == "ValueSet" and f"{tree['id']}.code-system" in found):
            continue
        kind = "Extension" if tree["resourceType"] == "StructureDefinition" else tree["resourceType"]
        yield links(tree["id"], held), dutch(tree), kind, tree["description"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_page_lists_the_profiles_of_a_family(family: str) -> None:
    assert table(PROFILE_HEADER, list(profile_rows(family))) in PAGE


def test_the_page_lists_what_else_there_is() -> None:
    assert table(OTHER_HEADER, list(other_rows())) in PAGE


def test_the_page_names_nothing_twice_and_nothing_that_is_not_there() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert (
        len(rows) == len(set(rows)) == sum(len(list(profile_rows(one))) for one in FAMILIES) + len(list(other_rows()))
    )
