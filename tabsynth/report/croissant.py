"""Croissant metadata of a synthetic table: what is in the file, how it came about, what it is for.

Source: MLCommons, Croissant Format Specification 1.1 (http://mlcommons.org/croissant/1.1) and
Croissant RAI Specification 1.0 (http://mlcommons.org/croissant/RAI/1.0).
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from tabsynth.report.description import LIMITS, NO_USES, USES, Described, describe, kind_of
from tabsynth.report.model import Report
from tabsynth.schema.model import FieldSchema, FieldType, TableSchema

CONFORMS: Final = (
    "http://mlcommons.org/croissant/1.1",
    "http://mlcommons.org/croissant/RAI/1.0",
)
RECORDS: Final = "records"
_TYPES: Final[dict[FieldType, str]] = {
    "integer": "cr:Int64",
    "number": "cr:Float64",
    "boolean": "sc:Boolean",
    "string": "sc:Text",
    "date": "sc:Date",
    "datetime": "sc:DateTime",
    "time": "sc:Time",
}
_FORMATS: Final = {
    ".parquet": "application/x-parquet",
    ".csv": "text/csv",
    ".csv.gz": "application/gzip",
    ".jsonl": "application/jsonlines",
}
# the specification's context (its appendix 1), whole: readers compare against it
_TERMS: Final = (
    "annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty",
    "excludes", "extract", "field", "fileObject", "fileProperty", "fileSet", "format", "includes",
    "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "readLines",
    "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "sdVersion",
    "separator", "source", "subField", "transform", "unArchive", "value",
)  # fmt: skip
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}


def croissant(
    report: Report,
    schema: TableSchema,
    *,
    name: str,
    sha256: str,
    file: str = "synthetic.parquet",
    description: str | None = None,
) -> str:
    """The metadata as JSON-LD, to lie beside the synthetic table.

    Licence, web address, creator and date of publication are for the owner to add: only they know
    them, and a validator asks for them.

    Args:
        report: of the run that made the table, of any audience.
        schema: of the private table.
        name: of the dataset.
        sha256: checksum of the synthetic file, in hexadecimal digits.
        file: its name, beside the metadata.
        description: of the dataset; by default what the report says of how it was made.

    Returns:
        JSON text that ends with a line break.

    Privacy: holds what a public report may hold, and the schema's names, titles, descriptions and
        roles of columns.
    """
    known = describe(report, schema)
    body = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS),
        "name": name,
        "description": description or f"A synthetic table. {known.made} {known.verdict}",
        "isLiveDataset": False,
        "distribution": [_file(file, sha256)],
        "recordSet": [_records(schema.emitted, file)],
        **_origin(known),
        **_responsible(known),
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _file(file: str, sha256: str) -> dict[str, Any]:
    suffix = next((s for s in _FORMATS if file.endswith(s)), ".parquet")
    return {
        "@type": "cr:FileObject",
        "@id": quote(file),
        "name": file,
        "description": "The synthetic records.",
        "contentUrl": quote(file),
        "encodingFormat": _FORMATS[suffix],
        "sha256": sha256,
    }


def _records(schema: TableSchema, file: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "@type": "cr:RecordSet",
        "@id": RECORDS,
        "name": RECORDS,
        "description": "One synthetic record a row.",
        "field": [_field(field, file) for field in schema.fields],
    }
    if schema.primary_key and set(schema.primary_key) <= set(schema.names):
        body["key"] = [{"@id": _ident(column)} for column in schema.primary_key]
    return body


def _field(field: FieldSchema, file: str) -> dict[str, Any]:
    said = [text for text in (field.title, field.description) if text]
    return {
        "@type": "cr:Field",
        "@id": _ident(field.name),
        "name": field.name,
        "description": ". ".join([*said, f"Values are {kind_of(field)}"]),
        "dataType": _TYPES[field.type],
        "source": {
            "fileObject": {"@id": quote(file)},
            "extract": {"column": field.name},
        },
    }


def _ident(column: str) -> str:
    """An identifier that is an IRI whatever the column's name."""
    return f"{RECORDS}/{quote(column, safe='')}"


def _origin(known: Described) -> dict[str, Any]:
    return {
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": "Synthesis: sampling from a model fitted to a private table",
        },
        "prov:wasAttributedTo": {"@type": "prov:SoftwareAgent", "prov:label": "tabsynth"},
        "rai:dataCollection": f"Not collected from people. {known.made}",
        "rai:dataCollectionType": ["Others: synthetic data"],
        "rai:dataCollectionMissingData": "Missing values are part of what was modelled; their "
        "places in the table are drawn like other values.",
        "rai:dataManipulationProtocol": "Identifiers and personal data are replaced by invented "
        "values, free text by placeholders or by texts written anew.",
    }


def _responsible(known: Described) -> dict[str, Any]:
    roles = known.personal or ("The schema gives no column a role.",)
    return {
        "rai:personalSensitiveInformation": [
            "No record is that of a person, but the model learned from records of persons. "
            f"{known.verdict} {known.found}",
            *roles,
        ],
        "rai:dataBiases": list(known.biases),
        "rai:dataLimitations": [*LIMITS, *(f"Not for: {use}" for use in NO_USES)],
        "rai:dataUseCases": list(USES),
    }
