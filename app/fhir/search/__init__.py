"""FHIR search, without a database: which parameters exist, and what a query string asks.

Start at ``definitions.py`` (the parameters of a type) and ``parse.py`` (query string -> ``Search`` of ``expression.py``);
``intervals.py`` has the meaning of the prefixes. What a resource is found by is in ``store/indexing.py``, and how a
``Search`` becomes SQL in ``store/search/``.
"""
