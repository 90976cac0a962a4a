import Values

/// The meta-schemas of draft 2020-12, for schemas that describe schemas. They say what the standard's do, without titles
/// and defaults, which are annotations.
enum MetaSchema {
  static let address = root + "schema"
  static let documents: [String: JSON] = {
    var documents = [address: whole]
    for (name, keywords) in vocabularies { documents[root + "meta/" + name] = vocabulary(name, keywords) }
    return documents
  }()

  private static let root = "https://json-schema.org/draft/2020-12/"
  private static let schema: JSON = ["$dynamicRef": "#meta"]
  private static let schemas: JSON = ["type": "object", "additionalProperties": schema]
  private static let text: JSON = ["type": "string"]
  private static let flag: JSON = ["type": "boolean"]
  private static let number: JSON = ["type": "number"]

  private static func local(_ name: String) -> JSON { ["$ref": .string("#/$defs/" + name)] }

  private static let whole: JSON = [
    "$schema": .string(address), "$id": .string(address), "$dynamicAnchor": "meta", "type": ["object", "boolean"],
    "$vocabulary": .object(
      JSONObject(vocabularies.filter { $0.0 != "format-assertion" }.map { (root + "vocab/" + $0.0, true) })),
    "allOf": .array(
      vocabularies.filter { $0.0 != "format-assertion" }.map { ["$ref": .string("meta/" + $0.0)] }),
    // Keywords of earlier drafts, whose names stay taken.
    "properties": [
      "definitions": schemas,
      "dependencies": [
        "type": "object",
        "additionalProperties": ["anyOf": [schema, ["$ref": "meta/validation#/$defs/stringArray"]]],
      ],
      "$recursiveAnchor": ["$ref": "meta/core#/$defs/anchorString"],
      "$recursiveRef": ["$ref": "meta/core#/$defs/uriReferenceString"],
    ],
  ]

  private static func vocabulary(_ name: String, _ keywords: JSON) -> JSON {
    [
      "$schema": .string(address), "$id": .string(root + "meta/" + name), "$dynamicAnchor": "meta",
      "$vocabulary": .object(JSONObject([(root + "vocab/" + name, true)])), "type": ["object", "boolean"],
      "properties": keywords, "$defs": definitions[name] ?? [:],
    ]
  }

  private static let vocabularies: [(String, JSON)] = [
    (
      "core",
      [
        "$id": ["$ref": "#/$defs/uriReferenceString", "pattern": "^[^#]*#?$"], "$schema": local("uriString"),
        "$ref": local("uriReferenceString"), "$anchor": local("anchorString"),
        "$dynamicRef": local("uriReferenceString"), "$dynamicAnchor": local("anchorString"),
        "$vocabulary": ["type": "object", "propertyNames": local("uriString"), "additionalProperties": flag],
        "$comment": text, "$defs": schemas,
      ]
    ),
    (
      "applicator",
      [
        "prefixItems": local("schemaArray"), "items": schema, "contains": schema, "additionalProperties": schema,
        "properties": schemas,
        "patternProperties": [
          "type": "object", "additionalProperties": schema, "propertyNames": ["format": "regex"],
        ],
        "dependentSchemas": schemas, "propertyNames": schema, "if": schema, "then": schema, "else": schema,
        "allOf": local("schemaArray"), "anyOf": local("schemaArray"), "oneOf": local("schemaArray"), "not": schema,
      ]
    ),
    ("unevaluated", ["unevaluatedItems": schema, "unevaluatedProperties": schema]),
    ("validation", validation),
    (
      "meta-data",
      [
        "title": text, "description": text, "default": true, "deprecated": flag, "readOnly": flag, "writeOnly": flag,
        "examples": ["type": "array", "items": true],
      ]
    ),
    ("format-annotation", ["format": text]),
    ("format-assertion", ["format": text]),
    ("content", ["contentEncoding": text, "contentMediaType": text, "contentSchema": schema]),
  ]

  private static let validation: JSON = {
    var keywords: JSONObject = [
      "type": [
        "anyOf": [
          local("simpleTypes"),
          ["type": "array", "items": local("simpleTypes"), "minItems": 1, "uniqueItems": true],
        ]
      ],
      "const": true, "enum": ["type": "array", "items": true],
      "multipleOf": ["type": "number", "exclusiveMinimum": 0], "pattern": ["type": "string", "format": "regex"],
      "uniqueItems": flag, "required": local("stringArray"),
      "dependentRequired": ["type": "object", "additionalProperties": local("stringArray")],
    ]
    for bound in Bound.allCases { keywords[bound.rawValue] = number }
    for suffix in Counted.allCases.map(\.suffix) + ["Contains"] {
      keywords["max" + suffix] = local("nonNegativeInteger")
      keywords["min" + suffix] = local(suffix == "Contains" ? "nonNegativeInteger" : "nonNegativeIntegerDefault0")
    }
    return .object(keywords)
  }()

  private static let definitions: [String: JSON] = [
    "core": [
      "anchorString": ["type": "string", "pattern": "^[A-Za-z_][-A-Za-z0-9._]*$"],
      "uriString": ["type": "string", "format": "uri"],
      "uriReferenceString": ["type": "string", "format": "uri-reference"],
    ],
    "applicator": ["schemaArray": ["type": "array", "minItems": 1, "items": schema]],
    "validation": [
      "nonNegativeInteger": ["type": "integer", "minimum": 0],
      "nonNegativeIntegerDefault0": local("nonNegativeInteger"),
      "simpleTypes": ["enum": ["array", "boolean", "integer", "null", "number", "object", "string"]],
      "stringArray": ["type": "array", "items": text, "uniqueItems": true],
    ],
  ]
}
