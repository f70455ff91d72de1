import Foundation

/// What is wrong with a JSON file, in one sentence that names the file and what to do.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }

  public var errorDescription: String? { description }
}
