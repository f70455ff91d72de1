/// What one host has: peaks, memory, its link to the others, and which part of each peak a program
/// reaches.
///
/// Rates are those of the whole host with all of its cores; a part of the cores has that part of them.
public struct Machine: Equatable, Sendable {
  public var name: String
  public var cores: Int
  public var peaks: Peaks
  /// GB/s of reading memory.
  public var memoryGBPerSecond: Double
  /// What a program may take of it.
  public var memoryBytes: Double
  public var link: Link
  public var efficiency: Efficiency

  public init(
    name: String, cores: Int, peaks: Peaks, memoryGBPerSecond: Double, memoryBytes: Double,
    link: Link = Link(), efficiency: Efficiency = Efficiency()
  ) {
    self.name = name
    self.cores = cores
    self.peaks = peaks
    self.memoryGBPerSecond = memoryGBPerSecond
    self.memoryBytes = memoryBytes
    self.link = link
    self.efficiency = efficiency
  }

  /// How matrices are multiplied.
  public enum Multiplication: String, Sendable, CaseIterable {
    case bf16
    /// Of numbers of eight bits, be they int8 or FP8.
    case eightBit = "8-bit"
    case fp32
  }

  /// Billions of operations a second.
  public struct Peaks: Equatable, Sendable {
    public var bf16: Double
    public var eightBit: Double
    public var fp32: Double

    public init(bf16: Double, eightBit: Double, fp32: Double) {
      self.bf16 = bf16
      self.eightBit = eightBit
      self.fp32 = fp32
    }

    subscript(_ multiplication: Multiplication) -> Double {
      switch multiplication {
      case .bf16: bf16
      case .eightBit: eightBit
      case .fp32: fp32
      }
    }
  }

  /// A host's connection to the other hosts, as fast in one direction as in the other at the same
  /// time.
  public struct Link: Equatable, Sendable {
    public var gigabitsPerSecond: Double
    /// From the start of a message without content to its arrival.
    public var latencyMicroseconds: Double
    /// What a hop of the ring costs besides its computation and its message: nothing where messages move
    /// while cores compute.
    public var hopMicroseconds: Double

    public init(
      gigabitsPerSecond: Double = 10, latencyMicroseconds: Double = 30, hopMicroseconds: Double = 0
    ) {
      self.gigabitsPerSecond = gigabitsPerSecond
      self.latencyMicroseconds = latencyMicroseconds
      self.hopMicroseconds = hopMicroseconds
    }
  }

  /// Fractions of the peaks.
  public struct Efficiency: Equatable, Sendable {
    /// Of linear layers in a prefill, norms and all that is computed beside them included.
    public var linear: Double
    public var attention: Double
    /// Of reading weights, keys and values in generation.
    public var memory: Double
    /// Of content among the bits that a link carries.
    public var link: Double

    /// By default what this program reaches of the peak in use on CPUs (the article on performance), and
    /// what a frame of Ethernet with TCP has of content: 1448 of 1538 bytes.
    public init(
      linear: Double = 0.79, attention: Double = 0.79, memory: Double = 0.79, link: Double = 0.94
    ) {
      self.linear = linear
      self.attention = attention
      self.memory = memory
      self.link = link
    }
  }

  // MARK: - Rates that follow

  /// FLOP/s of linear layers.
  func linearRate(_ multiplication: Multiplication) -> Double {
    peaks[multiplication] * 1e9 * efficiency.linear
  }

  /// FLOP/s of attention.
  func attentionRate(_ multiplication: Multiplication) -> Double {
    peaks[multiplication] * 1e9 * efficiency.attention
  }

  /// Bytes a second from memory.
  var memoryRate: Double { memoryGBPerSecond * 1e9 * efficiency.memory }

  /// Bytes a second over the link, each way.
  var linkRate: Double { link.gigabitsPerSecond * 1e9 / 8 * efficiency.link }

  /// Seconds until a message has arrived on another host.
  func linkSeconds(bytes: Double) -> Double { link.latencyMicroseconds * 1e-6 + bytes / linkRate }

  /// Seconds until a message has arrived at another rank of the host: it is read and written once.
  func localSeconds(bytes: Double) -> Double { 2 * bytes / memoryRate }

  /// Seconds until the ranks of a host have met: to see what another core has written, some times.
  static let meetingSeconds = 3e-6

  /// Seconds that a part of a row takes beyond its bytes, where the rest of it is another host's.
  static let stripeSeconds = 25e-9
}
