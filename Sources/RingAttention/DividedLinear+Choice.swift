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
  /// Another one before the last, gathered by itself: of the expert that all tokens go to.
  public let common: Layer?
  public let last: Layer
  public let rows: Int
  /// Of a row's softmax states, where these give the inputs: by rows, every host wants all of them, and by
  /// columns its part. 0 where the inputs are there.
  public let stateElements: Int

  public init(
    _ first: Layer? = nil, common: Layer? = nil, last: Layer, rows: Int, stateElements: Int = 0
  ) {
    self.first = first
    self.common = common
    self.last = last
    self.rows = rows
    self.stateElements = stateElements
  }

  /// Whether the layers take less time if the last one is divided by columns than if each is divided by
  /// rows or not at all.
  ///
  /// - Parameters:
  ///   - units: of the last one.
  ///   - ranksOfHost: that compute.
  package func isFasterByColumns(
    of units: SumUnits, hosts: Int, ranksOfHost: Int, keepsRests: Bool
  ) -> Bool {
    guard hosts > 1, units.count > 1 else { return false }
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
      secondsOfStates(parts: 1) + (first.map(secondsByRows) ?? 0)
      + (common.map(secondsByRows) ?? 0) + secondsByRows(last)
    let byColumns =
      secondsOfReading(
        bytes: (first?.bytes ?? 0) + (common?.bytes ?? 0) + last.bytes,
        part: units.largestPart(hosts: hosts))
      + Double(units.layersInParts(hosts: hosts) * last.outputs / ranks) * HostLink.secondsOfStripe
      + secondsOfStates(parts: hosts)
      + HostLink.secondsOfSum(
        elements: rows * last.outputs, elementBytes: elementBytes, hosts: hosts)
    return byColumns < byRows
  }
}

/// What sums over hosts are made of: chunks of a layer's inputs, or of the inputs of all layers of equal
/// shape, one after the other, that are summed together, experts, with those of another one behind them.
public struct SumUnits: Sendable {
  /// How many layers of equal shape there are.
  public let layers: Int
  /// Of each of them.
  public let inputs: InputChunks
  /// Of the one behind; nil for none.
  public let common: InputChunks?

  public init(_ inputs: InputChunks, layers: Int = 1, common: InputChunks? = nil) {
    self.layers = layers
    self.inputs = inputs
    self.common = common
  }

  package var count: Int { layers * inputs.count + (common?.count ?? 0) }

  /// Inputs of all units.
  private var allInputs: Int { layers * inputs.inputs + (common?.inputs ?? 0) }

  /// How many layers a host has at most of which others have chunks, too: those at the ends of its share.
  package func layersInParts(hosts: Int) -> Int {
    if layers == 1, common == nil { return 1 }
    if hasWholeLayers(hosts: hosts) { return 0 }
    return inputs.count > 1 || (common?.count ?? 1) > 1 ? 2 : 0
  }

  /// Whether all hosts have equally many layers, and no parts of any.
  private func hasWholeLayers(hosts: Int) -> Bool { common == nil && layers % hosts == 0 }

  /// The part of the inputs that a host has which has most of them, or a little more.
  package func largestPart(hosts: Int) -> Double {
    if hasWholeLayers(hosts: hosts) { return 1 / Double(hosts) }
    let width = max(inputs.widest, common?.widest ?? 0)
    let each = (allInputs + hosts - 1) / hosts
    return Double(min(allInputs, (each + width - 1) / width * width)) / Double(allInputs)
  }

  /// The chunks of the first layers that each host multiplies.
  package func shares(hosts: Int, own: Int) -> HostChunks {
    HostChunks(inputs, layers: layers, of: 0..<allInputs, hosts: hosts, own: own)
  }

  /// Those of the one behind.
  package func sharesOfCommon(hosts: Int, own: Int) -> HostChunks? {
    common.map {
      HostChunks(
        $0, layers: 1, of: -layers * inputs.inputs..<$0.inputs, hosts: hosts, own: own)
    }
  }
}

/// Which chunks of layers' inputs each host multiplies: neighbouring ones, of nearly equally many inputs.
public struct HostChunks: Sendable {
  public let inputs: InputChunks
  private let layers: Int
  /// What is shared out, as inputs of these layers, which begin at 0, and of others before or behind.
  private let all: Range<Int>
  private let hosts: Int
  private let ownHost: Int

  public init(_ inputs: InputChunks, hosts: Int, own: Int) {
    self.init(inputs, layers: 1, of: 0..<inputs.inputs, hosts: hosts, own: own)
  }

  fileprivate init(_ inputs: InputChunks, layers: Int, of all: Range<Int>, hosts: Int, own: Int) {
    self.inputs = inputs
    self.layers = layers
    self.all = all
    self.hosts = hosts
    ownHost = own
  }

  public var own: Range<Int> { self[ownHost] }

  /// Those of the first layer come first. Ends where an even division of the inputs would, to the nearest
  /// chunk.
  public subscript(host: Int) -> Range<Int> { firstChunk(of: host)..<firstChunk(of: host + 1) }

  private func firstChunk(of host: Int) -> Int {
    let even = all.lowerBound + all.count * host / hosts
    let input = max(0, min(layers * inputs.inputs, even))
    let layer = input / inputs.inputs
    return layer * inputs.count + inputs.chunk(nearest: input - layer * inputs.inputs)
  }

  /// This host's, as layers of which it has the same chunks: a part of one, whole ones, a part of another
  /// one, as far as there are such.
  ///
  /// - Parameter body: is given neighbouring layers, and chunks of each.
  public func forEachOwn(_ body: (_ layers: Range<Int>, _ chunks: Range<Int>) throws -> Void)
    rethrows
  {
    let (own, count) = (own, inputs.count)
    var next = own.lowerBound
    while next < own.upperBound {
      let (layer, chunk) = (next / count, next % count)
      if chunk == 0, next + count <= own.upperBound {
        let end = own.upperBound / count
        try body(layer..<end, inputs.all)
        next = end * count
      } else {
        let end = min(own.upperBound, (layer + 1) * count)
        try body(layer..<layer + 1, chunk..<end - layer * count)
        next = end
      }
    }
  }
}

extension InputChunks {
  /// The chunk that begins nearest to an input.
  fileprivate func chunk(nearest input: Int) -> Int {
    if count == 1 { return 2 * input < inputs ? 0 : 1 }
    return min(count, (2 * input + Self.width) / (2 * Self.width))
  }

  /// Inputs of a chunk, of which only the last one may have more.
  fileprivate var widest: Int { count == 1 ? inputs : Self.width }
}
