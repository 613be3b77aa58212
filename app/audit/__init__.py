"""The append-only record of who did what; the person it is about can read it and check it.

Start at ``events.py`` (what an event says), then ``log.py`` (how events are chained and read), ``verify.py`` (how the
chain is checked) and ``audit_event.py`` (an event as a FHIR AuditEvent).
"""
