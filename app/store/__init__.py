"""FHIR resources at rest: one person's record is one partition, and a log that only grows.

Start at ``tables.py``, then ``visible.py`` (the one condition that every query has), ``resources.py`` (what is read),
``changes.py`` (what is written) and ``search/``. Every function takes an access scope, or a part of one.
"""
