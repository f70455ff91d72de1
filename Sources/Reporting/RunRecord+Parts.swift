extension RunRecord {
  /// Which ringflash it was.
  public struct Program: Codable, Equatable, Sendable {
    /// The release of ringflash.
    public let version: String
    /// The commit of the source checkout, or "unknown".
    public let commit: String

    public init(version: String = Version.string, commit: String = Version.commit()) {
      self.version = version
      self.commit = commit
    }
  }

  /// Where and how it ran.
  public struct Job: Codable, Equatable, Sendable {
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
    /// How quantized weights are multiplied: "int8" or "unpacked".
    public let weightsAs: String
    /// The type of the keys and values that are kept: that of the precision, or "q8".
    public let keyValueCache: String
    /// Whether each host held only its part of the weights.
    public let dividesWeights: Bool

    enum CodingKeys: String, CodingKey {
      case hosts, ranks, threads, partition, precision
      case weightsAs = "weights_as"
      case keyValueCache = "kv_cache"
      case dividesWeights = "weights_divided"
      case instructionSet = "instruction_set"
    }

    public init(
      hosts: [String], ranks: Int, threads: Int, instructionSet: String, partition: String,
      types: (precision: String, weightsAs: String, keyValueCache: String),
      dividesWeights: Bool = false
    ) {
      self.hosts = hosts
      self.ranks = ranks
      self.threads = threads
      self.instructionSet = instructionSet
      self.partition = partition
      precision = types.precision
      weightsAs = types.weightsAs
      keyValueCache = types.keyValueCache
      self.dividesWeights = dividesWeights
    }
  }

  /// The model, and how much of the context's prefill it had to compute.
  public struct Model: Codable, Equatable, Sendable {
    /// The model directory, or a built-in model's name, such as "needle".
    public let name: String
    /// What tells it from every other model wherever it lies, in hexadecimal; empty in a record that
    /// nobody reads.
    public let digest: String
    /// Whether the weights were random ones, of the model's shape only.
    public let randomWeights: Bool
    /// How many layers the model has.
    public let layers: Int
    /// How many layers of the context's prefill came from a saved context and were not computed.
    public let restoredLayers: Int
    /// Tokens that the context begins with of which no layer was computed: those of a saved context that it
    /// extends.
    public let restoredTokens: Int
    /// Tokens that the context begins with that a cache had.
    public let cachedTokens: Int

    enum CodingKeys: String, CodingKey {
      case layers
      case name = "model"
      case digest = "model_digest"
      case randomWeights = "random_weights"
      case restoredLayers = "restored_layers"
      case restoredTokens = "restored_tokens"
      case cachedTokens = "cached_tokens"
    }

    public init(
      name: String, digest: String, randomWeights: Bool, layers: Int,
      restored: (layers: Int, tokens: Int) = (0, 0), cachedTokens: Int = 0
    ) {
      self.name = name
      self.digest = digest
      self.randomWeights = randomWeights
      self.layers = layers
      (restoredLayers, restoredTokens) = restored
      self.cachedTokens = cachedTokens
    }
  }

  /// What was computed in the prefill.
  public struct Work: Codable, Equatable, Sendable {
    /// Floating-point operations of the prefill, summed over the ranks.
    public let flops: Arithmetic
    /// 10^9 floating-point operations a second in the prefill, summed over the ranks.
    public let gflops: Arithmetic
    /// The mean over the maximum of the ranks' attention work, in 0...1; 1 is perfect.
    public let balance: Double
    /// How the context's tokens were spread over experts.
    public let expertTokens: ExpertTokens

    enum CodingKeys: String, CodingKey {
      case flops, gflops, balance
      case expertTokens = "expert_tokens"
    }

    public init(
      flops: Arithmetic, gflops: Arithmetic, balance: Double,
      expertTokens: ExpertTokens = ExpertTokens()
    ) {
      self.flops = flops
      self.gflops = gflops
      self.balance = finite(balance)
      self.expertTokens = expertTokens
    }
  }

  /// How many tokens of the context went to each expert, of those that were computed; empty lists for a
  /// model without experts.
  public struct ExpertTokens: Codable, Equatable, Sendable {
    /// `[layers][experts]`, of all ranks together; a layer without experts has none.
    public let layers: [[Int]]
    /// `[ranks][experts]`, of all layers together.
    public let ranks: [[Int]]
    /// The mean over the maximum of a layer's experts, in 0...1, on average over the layers that have
    /// some; 1 where there are none.
    public let balance: Double

    /// - Parameter ranks: `[ranks][layers][experts]`
    public init(_ ranks: [[[Int]]] = []) {
      func sum(_ lists: [[Int]]) -> [Int] {
        lists.reduce(into: []) { sum, list in
          sum += [Int](repeating: 0, count: max(0, list.count - sum.count))
          for (index, count) in list.enumerated() { sum[index] += count }
        }
      }
      self.ranks = ranks.map(sum)
      layers = (0..<(ranks.map(\.count).max() ?? 0)).map { layer in
        sum(ranks.map { layer < $0.count ? $0[layer] : [] })
      }
      let balances = layers.compactMap { experts in
        experts.max().flatMap { most in
          most > 0 ? Double(experts.reduce(0, +)) / Double(experts.count * most) : nil
        }
      }
      balance = balances.isEmpty ? 1 : balances.reduce(0, +) / Double(balances.count)
    }

    public var isEmpty: Bool { layers.allSatisfy(\.isEmpty) }
  }

  /// Lists with one entry a rank.
  public struct PerRank: Codable, Equatable, Sendable {
    /// Bytes that each rank sent to others: keys and values, softmax states, shares of linear layers.
    public let bytesSent: [Int]
    /// How often each rank exchanged something with others for what follows the context.
    public let exchanges: [Int]
    /// How many of these were among hosts, and the bytes that each rank sent to other hosts for them: those
    /// of a host by its first rank.
    public let exchangesAmongHosts: [Int]
    public let bytesAmongHosts: [Int]
    /// Bytes of keys and values that each rank holds at the end.
    public let keyValueBytes: [Int]
    /// The most memory that each rank's process occupied, in bytes, with what it shares with others:
    /// weights that the ranks of a host have in common are in each one's number.
    public let peakResidentBytes: [Int]
    /// The most of it that was the process's alone, as seen from time to time.
    public let peakPrivateBytes: [Int]

    enum CodingKeys: String, CodingKey {
      case bytesSent = "bytes_sent"
      case exchanges
      case exchangesAmongHosts = "exchanges_among_hosts"
      case bytesAmongHosts = "bytes_among_hosts"
      case keyValueBytes = "kv_bytes"
      case peakResidentBytes = "peak_resident_bytes"
      case peakPrivateBytes = "peak_private_bytes"
    }

    public init(
      bytesSent: [Int], exchanges: [Int], exchangesAmongHosts: [Int], bytesAmongHosts: [Int],
      keyValueBytes: [Int], peakResidentBytes: [Int], peakPrivateBytes: [Int]
    ) {
      self.bytesSent = bytesSent
      self.exchanges = exchanges
      self.exchangesAmongHosts = exchangesAmongHosts
      self.bytesAmongHosts = bytesAmongHosts
      self.keyValueBytes = keyValueBytes
      self.peakResidentBytes = peakResidentBytes
      self.peakPrivateBytes = peakPrivateBytes
    }
  }

  /// Tokens a second; 0 where no time passed.
  public struct TokensPerSecond: Codable, Equatable, Sendable {
    /// Tokens of the context over the seconds of the prefill.
    public let prefill: Double
    /// Generated tokens over the seconds of the decoding.
    public let decode: Double
  }

  /// Floating-point operations, or their rate, by kind.
  public struct Arithmetic: Codable, Equatable, Sendable {
    /// Scores and weighted sums of attention; a multiplication and an addition count as two.
    public let attention: Double
    /// Linear layers.
    public let linear: Double

    public init(attention: Double, linear: Double) {
      self.attention = finite(attention)
      self.linear = finite(linear)
    }

    /// These operations as 10^9 a second, each kind over the time that it took; 0 where none did.
    public func gflops(attentionSeconds: Double, linearSeconds: Double) -> Arithmetic {
      Arithmetic(
        attention: rate(attention, attentionSeconds) / 1e9,
        linear: rate(linear, linearSeconds) / 1e9)
    }
  }
}

/// `amount` over `seconds`, or 0 where that is no finite number.
func rate(_ amount: Double, _ seconds: Double) -> Double {
  seconds > 0 ? finite(amount / seconds) : 0
}

/// `value`, or 0 in place of NaN and the infinities, which JSON cannot express.
func finite(_ value: Double) -> Double {
  value.isFinite ? value : 0
}
