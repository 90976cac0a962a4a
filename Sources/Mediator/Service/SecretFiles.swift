import Foundation
import Values
import YAML

/// Secrets as operators keep them: one file with all of them, or a mounted directory with one file each.
public enum SecretFiles {
  /// Reads a YAML or JSON file (a mapping of names to values), or a directory: a file there is a secret of its name, its
  /// text the value, without one line break at its end; a directory there is a secret with a member per file.
  ///
  /// - Throws: `configuration`, with the path and never a value.
  public static func read(_ path: String) throws(MediatorError) -> JSONObject {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw MediatorError(.configuration, "mediator.secrets: there is no file or directory '\(path)'")
    }
    return isDirectory.boolValue ? try directory(path, depth: 0) : try file(path)
  }

  private static func file(_ path: String) throws(MediatorError) -> JSONObject {
    do {
      guard let members = try YAML.parse(try bytes(path)).json.object else {
        throw MediatorError(.configuration, "mediator.secrets: '\(path)' is no mapping of names to values")
      }
      return members
    } catch let error as YAMLError {
      // The message of a YAML error may quote the file, which is all secrets.
      let place = error.problems.first.map { " at line \($0.position.line)" } ?? ""
      throw MediatorError(.configuration, "mediator.secrets: '\(path)' cannot be read as YAML\(place)")
    } catch let error as MediatorError {
      throw error
    } catch {
      throw MediatorError(.configuration, "mediator.secrets: '\(path)' cannot be read")
    }
  }

  private static func directory(_ path: String, depth: Int) throws(MediatorError) -> JSONObject {
    var members = JSONObject()
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    } catch {
      throw MediatorError(.configuration, "mediator.secrets: the directory '\(path)' cannot be read")
    }
    // Kubernetes keeps its own links there, with names that begin so.
    for name in names where !name.hasPrefix(".") {
      let inside = path + "/" + name
      var isDirectory: ObjCBool = false
      guard FileManager.default.fileExists(atPath: inside, isDirectory: &isDirectory) else { continue }
      if isDirectory.boolValue {
        if depth == 0 { members[name] = .object(try directory(inside, depth: 1)) }
      } else {
        members[name] = .string(try text(inside))
      }
    }
    return members
  }

  private static func text(_ path: String) throws(MediatorError) -> String {
    guard let text = String(validating: try bytes(path), as: UTF8.self) else {
      throw MediatorError(.configuration, "mediator.secrets: '\(path)' is not UTF-8")
    }
    if text.hasSuffix("\r\n") || text.hasSuffix("\n") { return String(text.dropLast()) }
    return text
  }

  private static func bytes(_ path: String) throws(MediatorError) -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path), data.count <= 1 << 20 else {
      throw MediatorError(.configuration, "mediator.secrets: '\(path)' cannot be read, or is larger than 1 MiB")
    }
    return Array(data)
  }
}
