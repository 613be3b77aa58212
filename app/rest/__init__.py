"""FHIR over HTTP; thin, decides nothing.

Start at ``routes.py`` (which URL is which interaction), then ``application.py`` (the way of a request). JSON is read and
written at the edge only, in ``request.py`` and ``response.py``.
"""
