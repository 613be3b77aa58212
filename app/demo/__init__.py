"""Invented people with a year of believable health data, two practices and an app, for ``make serve`` and trials.

Start with ``people.demo_people``: it tells each person's story (``diabetes.py``, ``copd.py``, ``heart_failure.py``) and
returns resources that can be put into transaction Bundles as they are. The stories say what happens when; the modules
``measurements``, ``laboratory``, ``gp_summary`` (STU3), ``care_plan`` and ``medication`` (R4) know how that looks in
FHIR. Everything is a function of a day and a seed: nothing here reads a clock, a database or the network, and nobody
in it exists.
"""
