"""Is this valid FHIR? Pure functions from bytes to a resource or a list of issues.

Start at ``structure.py``. ``acceptance.py`` says yes, quickly; only what it doesn't accept is walked by ``issues.py``,
which has the last word and tells what is wrong where. Both read the tables of ``app/fhir/releases/``.
"""
