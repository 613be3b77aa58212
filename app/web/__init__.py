"""What rest, oauth and portal share of HTTP: tracing headers, CORS, security headers, limits.

Start at ``tracing.py``; ``middleware.py`` is for all that is not FHIR.
"""
