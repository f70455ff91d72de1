import CommandLine
import Foundation
import Testing

/// The program as its users run it, alone and under `mpirun`. Each suite here makes one run after
/// another, side by side with the other suites: much of the time of a run is its start.
@Suite struct EndToEndTests {}

/// Expects that a run, called `name` in what is said otherwise, ended well.
func expectSuccess(
  _ run: ProgramRun, _ name: @autoclosure () -> String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(
    run.exitCode == 0 && run.messages.isEmpty,
    "\(name()): exit code \(run.exitCode), \(run.error)", sourceLocation: sourceLocation)
}

/// The run record that a run left at `path`.
struct Record {
  let values: [String: Any]

  init(path: String) throws {
    try self.init(json: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  init(json: Data) throws {
    values = try #require(JSONSerialization.jsonObject(with: json) as? [String: Any])
  }

  var digest: String { values["logits_digest"] as? String ?? "none" }
  var tokenIDs: [Int] { values["token_ids"] as? [Int] ?? [] }
  var text: String { values["text"] as? String ?? "none" }

  func integers(_ key: String) -> [Int] { values[key] as? [Int] ?? [] }
  func number(_ key: String) -> Double { values[key] as? Double ?? .nan }
}
