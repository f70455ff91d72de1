import Foundation

/// Everything worth keeping about one run; written by `--report` and printed by `--json`.
///
/// Every key is always present, and every number is finite: a rate that is undefined because no
/// time passed, or because nothing was done, is 0.
public struct RunRecord: Codable, Equatable, Sendable {
  /// The release of ringflash.
  public let version: String
  /// The commit of the source checkout, or "unknown".
  public let commit: String
  /// The names of the hosts, each once, in the order of their lowest ranks.
  public let hosts: [String]
  /// How many MPI ranks took part.
  public let ranks: Int
  /// How many threads computed on each rank.
  public let threads: Int
  /// The instruction set of the kernels, for example "avx512bf16".
  public let instructionSet: String
  /// How the sequence was cut: "zigzag", "contiguous" or "striped".
  public let partition: String
  /// The type of keys, values and matrix inputs: "bf16" or "fp32".
  public let precision: String
  /// The model directory, or "needle" for the built-in model.
  public let model: String
  /// Whether the weights were random ones, of the model's shape only.
  public let randomWeights: Bool
  /// How many layers the model has.
  public let layers: Int
  /// How many layers of the context's prefill came from a saved context and were not computed.
  public let restoredLayers: Int
  /// The seed of the sampler.
  public let seed: UInt64
  /// The generated text.
  public let text: String
  /// The generated tokens.
  public let tokenIDs: [Int]
  /// Why generation ended.
  public let finishReason: FinishReason
  /// How many questions were asked and answered.
  public let questions: Questions
  /// How many tokens were read and generated.
  public let tokens: Tokens
  /// Where the time went, in seconds by the clock of rank 0.
  public let seconds: Seconds
  /// Derived from `tokens` and `seconds`.
  public let tokensPerSecond: TokensPerSecond
  /// Floating-point operations of the prefill, summed over the ranks.
  public let flops: Arithmetic
  /// 10^9 floating-point operations a second in the prefill, summed over the ranks.
  public let gflops: Arithmetic
  /// The mean over the maximum of the ranks' attention work, in 0...1; 1 is perfect.
  public let balance: Double
  /// Bytes of keys and values that each rank sent to another one. One entry a rank.
  public let bytesSent: [Int]
  /// Bytes of keys and values that each rank holds at the end. One entry a rank.
  public let keyValueBytes: [Int]
  /// The most memory that each rank's process occupied, in bytes, with what it shares with others:
  /// weights that the ranks of a host have in common are in each one's number. One entry a rank.
  public let peakResidentBytes: [Int]
  /// The most of it that was the process's alone, as seen from time to time. One entry a rank.
  public let peakPrivateBytes: [Int]
  /// SHA-256 over the logits from which each token was chosen: those of the last position before
  /// the answer, then those of each generated token that another one followed; see `LogitsDigest`.
  /// With many questions, SHA-256 over the digests of their answers, each as 64 hexadecimal digits,
  /// in the order of the prompts file.
  public let logitsDigest: String

  enum CodingKeys: String, CodingKey {
    case version, commit, hosts, ranks, threads, partition, precision, model, layers, seed, text
    case questions, tokens, seconds, flops, gflops, balance
    case instructionSet = "instruction_set"
    case restoredLayers = "restored_layers"
    case randomWeights = "random_weights"
    case tokenIDs = "token_ids"
    case finishReason = "finish_reason"
    case tokensPerSecond = "tokens_per_second"
    case bytesSent = "bytes_sent"
    case keyValueBytes = "kv_bytes"
    case peakResidentBytes = "peak_resident_bytes"
    case peakPrivateBytes = "peak_private_bytes"
    case logitsDigest = "logits_digest"
  }

  /// A record of what is given; `tokensPerSecond` follows from `tokens` and `seconds`.
  public init(
    version: String = Version.string, commit: String = Version.commit(), hosts: [String],
    ranks: Int, threads: Int, instructionSet: String, partition: String, precision: String,
    model: String, randomWeights: Bool, layers: Int, restoredLayers: Int = 0, seed: UInt64,
    text: String, tokenIDs: [Int], finishReason: FinishReason, questions: Questions = Questions(),
    tokens: Tokens, seconds: Seconds, flops: Arithmetic,
    gflops: Arithmetic, balance: Double, bytesSent: [Int], keyValueBytes: [Int],
    peakResidentBytes: [Int], peakPrivateBytes: [Int], logitsDigest: String
  ) {
    self.version = version
    self.commit = commit
    self.hosts = hosts
    self.ranks = ranks
    self.threads = threads
    self.instructionSet = instructionSet
    self.partition = partition
    self.precision = precision
    self.model = model
    self.randomWeights = randomWeights
    self.layers = layers
    self.restoredLayers = restoredLayers
    self.seed = seed
    self.text = text
    self.tokenIDs = tokenIDs
    self.finishReason = finishReason
    self.questions = questions
    self.tokens = tokens
    self.seconds = seconds
    // A token of which some layers were restored counts for the others.
    let computed = 1 - rate(Double(restoredLayers), Double(layers))
    self.tokensPerSecond = TokensPerSecond(
      prefill: rate(Double(tokens.context) * computed, seconds.prefill),
      decode: rate(Double(tokens.generated), seconds.decode))
    self.flops = flops
    self.gflops = gflops
    self.balance = finite(balance)
    self.bytesSent = bytesSent
    self.keyValueBytes = keyValueBytes
    self.peakResidentBytes = peakResidentBytes
    self.peakPrivateBytes = peakPrivateBytes
    self.logitsDigest = logitsDigest
  }

  /// The record as JSON on one line with a newline at its end, keys sorted, slashes as they are.
  ///
  /// - Throws: what `JSONEncoder` throws; with finite numbers it does not.
  public func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }
}
