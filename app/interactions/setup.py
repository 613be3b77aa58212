"""What a process has to know to check and to index resources: plain values, so that another process can be told them."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from app.access.requester import RequesterKind
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.reference import LiteralReference, localize
from app.fhir.release import Release
from app.fhir.search.custom import of_library
from app.fhir.search.definitions import install
from app.interactions.conformance import Conformance, ProfileMode, conformance
from app.store.changes import Indexer
from app.store.indexing import IndexRows, index_rows


class Setup(msgspec.Struct, frozen=True):
    """Values from the settings; ``index_key`` is secret."""

    packages_folder: str
    profile_modes: dict[RequesterKind, ProfileMode]
    capability_statement: str
    index_key: bytes
    base_url: str
    time_zone: str
    body_depth_max: int

    def fhir_base(self, release: Release) -> str:
        """Return the base URL of a release."""
        return f"{self.base_url}/fhir/{release.path}"

    def local(self, release: Release, reference: str) -> LiteralReference | None:
        """Return the reference if it is to a resource on this server, relative; None for any other."""
        parsed = localize(reference, (self.fhir_base(release),))
        return parsed if isinstance(parsed, LiteralReference) and parsed.base is None else None

    def indexer(self) -> Indexer:
        """Return what makes index rows."""
        bases = {release: (self.fhir_base(release),) for release in Release}
        key = self.index_key

        def index(release: Release, resource_type: str, tree: dict[str, Any], time_zone: ZoneInfo) -> IndexRows:
            return index_rows(release, resource_type, tree, time_zone=time_zone, key=key, base_urls=bases[release])

        return index

    def conformance(self) -> Conformance:
        """Return the profiles of the packages that are loaded now; their search parameters are known from now on."""
        library = Library(Path(self.packages_folder), PROFILES)
        for release in Release:
            install(release, of_library(library, release).parameters)
        return conformance(library, self.profile_modes, self.capability_statement)
