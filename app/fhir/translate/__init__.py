"""A resource of one FHIR release told in the other, with what that loses.

Start at ``translation.translate``. The elements of both releases come from ``fhir/releases``; ``tables.py`` has what was
renamed, ``rules.py`` what was rebuilt, ``walk.py`` goes through a resource. What the other release has no element for
goes along in an extension that HL7 names for it, and comes back from there. Nothing here stores or decides anything.
"""
