import Kernels
import Ranks

// Which layers of the appending path are divided, and how: from their sizes, the rows, the ranks and the
// hosts alone, with what an exchange is taken to cost, so that every rank chooses alike. No choice shows in
// a result.

extension DividedLinear {
  /// Whether the ranks of a host save more time by each reading its part of the weights than the
  /// gathering of the parts costs: some 3 µs, in which a core reads 64 KB.
  package static func isWorthDividingOnHost(bytes: Int, ranks: Int) -> Bool {
    ranks > 1 && bytes - bytes / ranks > 1 << 16
  }

  /// Whether hosts, each of which would read all of the weights with its ranks, save more time by each
  /// reading its part than an exchange costs.
  package static func isWorthDividingAmongHosts(
    bytes: Int, hosts: Int, ranks: Int, exchangeSeconds: Double
  ) -> Bool {
    let saved = bytes / max(1, ranks / hosts)
    return hosts > 1
      && Double(saved - saved / hosts) / HostLink.weightBytesPerSecond > exchangeSeconds
  }
}

/// Layers that follow each other and are divided among hosts together: either each by rows, whose outputs
/// are gathered, or the last one by columns, of whose inputs a host then needs its part alone.
public struct ChainedLayers: Sendable {
  /// Bytes of a layer's weights, and its outputs.
  public typealias Layer = (bytes: Int, outputs: Int)

  // No list: a decode step asks for every layer, and takes no memory.
  /// The one before the last; nil where there is but that.
  public let first: Layer?
  public let last: Layer
  public let rows: Int
  /// Of a row's softmax states, where these give the inputs: by rows, every host wants all of them, and by
  /// columns its part. 0 where the inputs are there.
  public let stateElements: Int

  public init(_ first: Layer? = nil, last: Layer, rows: Int, stateElements: Int = 0) {
    self.first = first
    self.last = last
    self.rows = rows
    self.stateElements = stateElements
  }

  /// Whether the layers take less time if the last one is divided by columns than if each is divided by
  /// rows or not at all.
  ///
  /// - Parameters:
  ///   - inputs: of the last one.
  ///   - ranksOfHost: that compute.
  package func isFasterByColumns(
    of inputs: InputChunks, hosts: Int, ranksOfHost: Int, keepsRests: Bool
  ) -> Bool {
    guard hosts > 1, inputs.count > 1 else { return false }
    let ranks = max(1, ranksOfHost)
    func secondsOfReading(bytes: Int, part: Double) -> Double {
      part * Double(bytes / ranks) / HostLink.weightBytesPerSecond
    }
    let elementBytes = keepsRests ? 16 : 8
    func secondsOfStates(parts: Int) -> Double {
      stateElements == 0
        ? 0
        : HostLink.secondsOfReduction(
          bytes: rows * stateElements * elementBytes / parts, hosts: hosts)
    }
    func secondsByRows(_ layer: Layer) -> Double {
      min(
        secondsOfReading(bytes: layer.bytes, part: 1),
        secondsOfReading(bytes: layer.bytes, part: 1 / Double(hosts))
          + HostLink.secondsOfGathering(bytes: 4 * rows * layer.outputs))
    }
    let byRows =
      secondsOfStates(parts: 1) + (first.map(secondsByRows) ?? 0) + secondsByRows(last)
    let byColumns =
      secondsOfReading(
        bytes: (first?.bytes ?? 0) + last.bytes, part: inputs.largestPart(hosts: hosts))
      + Double(last.outputs / ranks) * HostLink.secondsOfStripe
      + secondsOfStates(parts: hosts)
      + HostLink.secondsOfSum(
        elements: rows * last.outputs, elementBytes: elementBytes, hosts: hosts)
    return byColumns < byRows
  }
}

/// Which chunks of a layer's inputs each host multiplies: neighbouring ones, nearly equally many.
public struct HostChunks: Sendable {
  public let inputs: InputChunks
  public let hosts: Int
  private let ownHost: Int

  public init(_ inputs: InputChunks, hosts: Int, own: Int) {
    self.inputs = inputs
    self.hosts = hosts
    ownHost = own
  }

  public var own: Range<Int> { self[ownHost] }

  /// Ends where an even division of the inputs would, to the nearest chunk.
  public subscript(host: Int) -> Range<Int> {
    inputs.chunk(nearest: host, of: hosts)..<inputs.chunk(nearest: host + 1, of: hosts)
  }
}

extension InputChunks {
  /// The chunk that begins nearest to where that part of so many equal ones does.
  fileprivate func chunk(nearest part: Int, of parts: Int) -> Int {
    part == parts ? count : min(count, (2 * inputs * part / parts + Self.width) / (2 * Self.width))
  }

  /// The part of the inputs that a host has which has most of them.
  fileprivate func largestPart(hosts: Int) -> Double {
    let each = (inputs + hosts - 1) / hosts
    return Double(min(inputs, (each + Self.width - 1) / Self.width * Self.width)) / Double(inputs)
  }
}
