import Inference
import MPI
import Ranks
import Reporting
import Transformer

/// What one rank has to say about a run.
struct RankReport: Codable {
  let host: String
  let bytesSent: Int
  let exchanges: Int
  let exchangesAmongHosts: Int
  let bytesAmongHosts: Int
  let keyValueBytes: Int
  let peakResidentBytes: Int
  let peakPrivateBytes: Int
  let attentionFlops: Double
  let linearFlops: Double
  let attentionSeconds: Double
  let linearSeconds: Double
  let exposedSeconds: Double
  let exposedWeightSeconds: Double
  /// `[layers][experts]`
  let expertTokens: [[Int]]

  /// - Parameter session: nil where nothing was computed.
  init(_ session: Session?, _ memory: PrivateMemory) {
    let context = session?.context
    let cost = context?.prefillCost
    host = MPIEnvironment.processorName
    bytesSent = session?.bytesSent ?? 0
    exchanges = session?.exchanges ?? 0
    exchangesAmongHosts = session?.exchangesAmongHosts ?? 0
    bytesAmongHosts = session?.bytesAmongHosts ?? 0
    keyValueBytes = context.map { $0.cache.bytes + $0.branches.bytes } ?? 0
    peakResidentBytes = HostResources.peakResidentBytes
    peakPrivateBytes = memory.peakBytes
    attentionFlops = cost?.attention.flops ?? 0
    linearFlops = context?.prefillLinearFlops ?? 0
    attentionSeconds = cost?.attentionSeconds ?? 0
    linearSeconds = cost?.linearSeconds ?? 0
    exposedSeconds = cost?.attention.exposedSeconds ?? 0
    exposedWeightSeconds = cost?.exposedWeightSeconds ?? 0
    expertTokens = cost?.expertTokens ?? []
  }
}

extension RunRecord.Work {
  init(of ranks: [RankReport]) {
    let flops = RunRecord.Arithmetic(
      attention: ranks.reduce(0) { $0 + $1.attentionFlops },
      linear: ranks.reduce(0) { $0 + $1.linearFlops })
    let largest = ranks.map(\.attentionFlops).max() ?? 0
    self.init(
      flops: flops,
      gflops: flops.gflops(
        attentionSeconds: ranks.map(\.attentionSeconds).max() ?? 0,
        linearSeconds: ranks.map(\.linearSeconds).max() ?? 0),
      balance: largest > 0 ? flops.attention / Double(ranks.count) / largest : 1,
      expertTokens: RunRecord.ExpertTokens(ranks.map(\.expertTokens)))
  }
}

extension RunRecord.PerRank {
  init(_ ranks: [RankReport]) {
    self.init(
      bytesSent: ranks.map(\.bytesSent), exchanges: ranks.map(\.exchanges),
      exchangesAmongHosts: ranks.map(\.exchangesAmongHosts),
      bytesAmongHosts: ranks.map(\.bytesAmongHosts),
      keyValueBytes: ranks.map(\.keyValueBytes),
      peakResidentBytes: ranks.map(\.peakResidentBytes),
      peakPrivateBytes: ranks.map(\.peakPrivateBytes))
  }
}
