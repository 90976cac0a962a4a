/// How a service ends towards the shell or the supervisor that started it. Wrong usage ends with 64 (`EX_USAGE`).
public enum ExitStatus {
  /// Ended as asked, or by itself with its work done.
  public static let success: Int32 = 0
  /// A part of the service failed.
  public static let failure: Int32 = 1
  /// The configuration has mistakes, or does not fit what is there (`EX_CONFIG`): starting again does not help.
  public static let configuration: Int32 = 78
  /// Was asked to end and did not within the limit.
  public static let shutdownTimeout: Int32 = 75

  /// A second signal ended it at once.
  public static func signal(_ number: Int32) -> Int32 { 128 + number }
}

/// An error that ends the program with a status of its own.
public protocol ExitStatusError: Error {
  var exitStatus: Int32 { get }
}
