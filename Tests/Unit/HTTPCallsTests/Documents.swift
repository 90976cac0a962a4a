import HTTP
import HTTPCalls
import Testing
import Values

/// Documents in the shapes that the tests need.
enum Documents {
  static let swagger: JSON = [
    "swagger": "2.0", "host": "pets.example.com", "basePath": "/v2", "schemes": ["http", "https"],
    "consumes": ["application/json"],
    "paths": [
      "/pet/findByStatus": [
        "get": [
          "operationId": "findPetsByStatus",
          "parameters": [
            ["name": "status", "in": "query", "required": true, "type": "array", "collectionFormat": "multi"]
          ],
        ]
      ],
      "/pet/{petId}": [
        "parameters": [["$ref": "#/parameters/pet~1Id"]],
        "get": ["operationId": "getPetById"],
        "post": [
          "operationId": "renamePet", "consumes": ["application/x-www-form-urlencoded"],
          "parameters": [["name": "name", "in": "formData"], ["name": "tags", "in": "formData"]],
        ],
      ],
      "/pet": [
        "post": [
          "operationId": "addPet", "parameters": [["name": "pet", "in": "body", "required": true, "schema": [:]]],
        ]
      ],
      "/lists": [
        "get": [
          "operationId": "lists",
          "parameters": [
            ["name": "csv", "in": "query"], ["name": "ssv", "in": "query", "collectionFormat": "ssv"],
            ["name": "pipes", "in": "query", "collectionFormat": "pipes"],
            ["name": "X-Ids", "in": "header"],
          ],
        ]
      ],
    ],
    "parameters": ["pet/Id": ["name": "petId", "in": "path", "required": true, "type": "integer"]],
  ]

  static let openAPI: JSON = [
    "openapi": "3.0.3",
    "servers": [["url": "/api/{version}", "variables": ["version": ["default": "v3"]]]],
    "paths": [
      "/things/{id}": [
        "get": [
          "operationId": "getThing",
          "parameters": [
            ["name": "id", "in": "path", "required": true], ["name": "tag", "in": "query"],
            ["name": "flat", "in": "query", "explode": false],
            [
              "name": "bar", "in": "query", "style": "pipeDelimited",
              "explode": false,
            ],
            ["name": "space", "in": "query", "style": "spaceDelimited", "explode": false],
            ["name": "filter", "in": "query", "style": "deepObject"],
            ["name": "json", "in": "query", "content": ["application/json": [:]]],
            ["name": "free", "in": "query", "allowReserved": true], ["name": "X-Trace", "in": "header"],
            ["name": "session", "in": "cookie"],
          ],
        ]
      ],
      "/things": [
        "post": ["operationId": "addThing", "requestBody": ["$ref": "#/components/requestBodies/Thing"]]
      ],
      "/comments": [
        "post": [
          "operationId": "comment",
          "requestBody": [
            "content": [
              "application/json": ["schema": ["$ref": "#/components/schemas/Comment"]]
            ]
          ],
        ]
      ],
      "/upload": [
        "post": ["operationId": "upload", "requestBody": ["content": ["multipart/form-data": [:]]]],
        "put": ["operationId": "form", "requestBody": ["content": ["application/x-www-form-urlencoded": [:]]]],
        "patch": ["operationId": "note", "requestBody": ["content": ["text/plain": [:]]]],
        "delete": [
          "operationId": "elsewhere", "servers": [["url": "https://other.example.com/x/"]],
          "parameters": [["name": "m", "in": "query", "style": "matrix"]],
        ],
      ],
      "/bad/{gone}": ["get": ["operationId": "bad"]],
    ],
    "components": [
      "requestBodies": ["Thing": ["required": true, "content": ["application/json": ["schema": [:]]]]],
      "schemas": ["Comment": ["type": "object", "properties": ["body": ["type": "string"]]]],
    ],
  ]

  static func resolve(
    _ document: JSON, _ operation: String, _ parameters: JSONObject = [:],
    at url: String = "https://docs.example.com/specs/api.json"
  ) throws -> HTTPCall {
    let url = try HTTPURL(url)
    return try OpenAPIResolver.resolve(
      OpenAPICall(document: url, operationID: operation, parameters: parameters),
      in: OpenAPIDocument(document, url: url))
  }

  /// - Returns: the failure, which has to be one.
  static func failure(_ document: JSON, _ operation: String, _ parameters: JSONObject = [:]) -> HTTPCallError? {
    do {
      _ = try resolve(document, operation, parameters)
      Issue.record("\(operation) was not refused")
      return nil
    } catch {
      return error as? HTTPCallError
    }
  }
}
