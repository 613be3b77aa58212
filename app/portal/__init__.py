"""The pages for the person whose record it is: server-rendered, in Dutch and English, without need of JavaScript.

Start at ``page.py`` (a template with values becomes a page) and ``record.py`` (the first pages). What is shown is worked
out by plain functions of FHIR trees (``kinds.py``, ``chart.py``, ``careplan.py``, ``medication.py``, ``summary.py``);
``reading.py`` is the only way to the record and goes through the interactions, as the person, so that the person's own
looks are in the log too. Errors become pages in ``errors.py``. Texts: English in the code, Dutch in ``translations/``.
"""
