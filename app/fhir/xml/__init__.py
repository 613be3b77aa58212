"""FHIR in XML: from XML to the same resource in JSON, and back. Pure; the rest of Regie knows JSON only.

Start at ``read.py`` (``to_json``) and ``write.py`` (``to_xml``); ``shapes.py`` is what both know of a type. Neither judges
a resource beyond what JSON can't say: ``app/fhir/validation/`` does that on the JSON.

Spec: https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/STU3/xml.html
"""
