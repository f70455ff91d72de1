import Foundation
import TestSupport
import Testing

extension EndToEndTests {
  /// What the program says of experts.
  @Suite(.serialized) struct Mixtures {
    private static func object(_ text: String) throws -> [String: Any] {
      try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func inspectSaysWhatIsActive() throws {
      let run = try runRingflash(["inspect", "needle-moe", "--json"])
      expectSuccess(run, "inspect")
      let report = try Self.object(run.text)
      let experts = try #require(report["experts"] as? [String: Any])
      #expect(experts["count"] as? Int == 16 && experts["per_token"] as? Int == 2)
      let parameters = try #require(report["parameters"] as? Int)
      let active = try #require(report["active_parameters"] as? Int)
      #expect(active < parameters)
      // All matrices are bfloat16, but for the router, and only norms and biases are none.
      let read = try #require(report["weight_bytes_per_token"] as? Int)
      #expect(read > active && read <= 2 * active)
      let dense = try Self.object(try runRingflash(["inspect", "--json"]).text)
      #expect(dense["experts"] == nil || dense["experts"] is NSNull)
    }

    /// Every token goes to two of sixteen experts, in each layer, on whichever rank it is.
    @Test func theReportCountsTokensOfExperts() throws {
      try withTemporaryDirectory { directory in
        let context = "\(directory)/context.txt"
        try String(repeating: "The quick brown fox. ", count: 60)
          .write(toFile: context, atomically: true, encoding: .utf8)
        let trace = "\(directory)/trace.json"
        var tokensOfExperts: [[Int]] = []
        for ranks in [1, 3] {
          let run = try runRingflash(
            [
              "--model", "needle-moe", "--context", context, "--max-tokens", "1", "--json",
              "--quiet", "--trace", trace,
            ], ranks: ranks)
          expectSuccess(run, "\(ranks) ranks")
          let record = try Self.object(run.text)
          let tokens = try #require(record["expert_tokens"] as? [String: Any])
          let layers = try #require(tokens["layers"] as? [[Int]])
          let ofRanks = try #require(tokens["ranks"] as? [[Int]])
          let count = try #require((record["tokens"] as? [String: Any])?["context"] as? Int)
          #expect(layers.count == record["layers"] as? Int && ofRanks.count == ranks)
          #expect(layers.allSatisfy { $0.count == 16 && $0.reduce(0, +) == 2 * count })
          #expect(
            ofRanks.reduce(0) { $0 + $1.reduce(0, +) } == 2 * count * layers.count)
          if !tokensOfExperts.isEmpty { #expect(layers == tokensOfExperts) }
          tokensOfExperts = layers
          let spans = try String(contentsOfFile: trace, encoding: .utf8)
          #expect(spans.contains("\"router\"") && spans.contains("\"experts\""))
        }
      }
    }
  }
}
