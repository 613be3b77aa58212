"""FHIR operations, one module each: ``$everything``, ``$lastn``, ``$delta``, ``$validate``, ``$meta``."""
