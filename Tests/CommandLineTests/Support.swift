import CommandLine
import Foundation
import Ranks
import TestSupport
import Testing

/// The failure that `body` throws, or nil if it throws none.
func caughtFailure(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> Failure? {
  do {
    try body()
    return nil
  } catch let failure as Failure {
    return failure
  } catch {
    Issue.record(error, sourceLocation: sourceLocation)
    return nil
  }
}

/// What `arguments` say to `generate`.
func generateOptions(
  _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
) throws -> GenerateOptions {
  guard case .generate(let options) = try CommandLineParser.parse(arguments).get() else {
    Issue.record("\(arguments) is not generate", sourceLocation: sourceLocation)
    throw CancellationError()
  }
  return options
}

/// The failure that parsing `arguments` ends with, or nil.
func parseFailure(_ arguments: [String]) -> Failure? {
  if case .failure(.failure(let failure)) = CommandLineParser.parse(arguments) {
    failure
  } else {
    nil
  }
}

/// Calls `body` with the path of a file with this content, and removes it afterwards.
func withFile(_ content: [UInt8], _ body: (String) throws -> Void) throws {
  try withExtendedLifetime(TemporaryDirectory()) { try body($0.write("file", content)) }
}

func withFile(_ content: String, _ body: (String) throws -> Void) throws {
  try withFile(Array(content.utf8), body)
}
