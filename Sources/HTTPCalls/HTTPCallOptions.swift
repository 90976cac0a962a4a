/// What calls may reach and cost.
public struct HTTPCallOptions: Sendable {
  public var rules = AddressRules()
  /// The setting that the rules come from, to be named where they forbid something.
  public var allowSetting = "processors.http.allow"
  /// For a call with all that belongs to it: a token, a document, redirects.
  public var timeout = Duration.seconds(30)
  public var connectTimeout = Duration.seconds(5)
  public var maxResponseBytes = 1 << 20
  public var maxDocumentBytes = 4 << 20
  /// How long an OpenAPI or AsyncAPI document, or a provider's metadata, is used before it is fetched again.
  public var documentLifetime = Duration.seconds(300)
  /// Unsafe requests get the header `Idempotency-Key`, unless the workflow sets it
  /// (draft-ietf-httpapi-idempotency-key-header).
  public var sendsIdempotencyKey = true

  public init() {}
}
