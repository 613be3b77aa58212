"""FHIR itself, pure: no database, no HTTP.

Start at ``release.py`` (which releases there are), then ``validation/structure.py`` (is this a resource?) and
``search/`` (what does this query ask?). Everything takes the release as a value; all differences live in ``releases/``.
"""
