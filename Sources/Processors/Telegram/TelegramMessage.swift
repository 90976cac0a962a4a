import Values
import Wire

/// One message to be sent, as an event asks for it: `with: {chat, text, silent}`.
public struct TelegramMessage: Sendable, Hashable {
  /// An id, or `@name`.
  public let chat: String
  public let text: String
  /// What goes out: more than one for a long text.
  public let parts: [String]
  /// Arrives without a sound.
  public let silent: Bool
}

/// Reads messages. Pure.
struct TelegramMessageReader: Sendable {
  /// Names for chats.
  let chats: [String: String]
  /// Without a token nothing is sent, so any name will do.
  let acceptsAnyChat: Bool

  static let maxParts = 10

  func read(_ data: JSON) -> Validated<TelegramMessage> {
    guard case .object(let members) = data else {
      return .refused(.invalid(400, "with must be an object {chat, text}"))
    }
    if let other = members.first(where: { !["chat", "text", "silent"].contains($0.key) }) {
      return .refused(.invalid(400, "with has a member '\(other.key)'; chat, text and silent are understood"))
    }
    guard let text = members["text"]?.string, !text.utf8.contains(0) else {
      return .refused(.invalid(400, "with.text must be a text without U+0000"))
    }
    let silent = members["silent"] ?? false
    guard let silent = silent.isNull ? false : silent.bool else {
      return .refused(.invalid(400, "with.silent must be true or false"))
    }
    guard let name = members["chat"], let chat = resolve(name) else {
      let known = chats.keys.sorted().joined(separator: ", ")
      return .refused(
        .invalid(
          404,
          "with.chat must be a chat's id, @name, or one of the configured names (\(known.isEmpty ? "none" : known))"))
    }
    let parts = TelegramText.parts(text)
    guard !parts.isEmpty else { return .refused(.invalid(400, "with.text is blank")) }
    guard parts.count <= Self.maxParts else {
      return .refused(.invalid(413, "with.text would go out in \(parts.count) messages; \(Self.maxParts) are allowed"))
    }
    return .work(TelegramMessage(chat: chat, text: text, parts: parts, silent: silent))
  }

  private func resolve(_ name: JSON) -> String? {
    if let id = name.int { return String(id) }
    guard let name = name.string, !name.isEmpty, !name.utf8.contains(0) else { return nil }
    if let chat = chats[name] { return chat }
    return Int64(name) != nil || (name.hasPrefix("@") && name.count > 1) || acceptsAnyChat ? name : nil
  }
}
