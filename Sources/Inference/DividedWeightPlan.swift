import Kernels
import RingAttention
import Transformer

/// Where the matrices of a model lie of which each host holds a part: addresses for all of them, one
/// after the other, of which a host uses those of its part. Known before any memory is taken.
package struct DividedWeightPlan: Sendable {
  let plan: WeightPlan
  let division: WeightDivision
  /// Where each matrix begins, in bytes.
  let offsets: [String: Int]
  /// Of all addresses.
  let addressBytes: Int
  /// Which matrices every host has whole: those that each rank multiplies by itself, such as routers.
  let wholeMatrices: Set<String>
  /// `[layers]`
  let layers: [WeightStage]
  /// Rows of the embedding that pass at once, and what they are.
  let embedding: [(rows: Range<Int>, stage: WeightStage)]
  let head: WeightStage
  let headBytes: Int

  /// - Throws: `ModelError`.
  package init(
    _ plan: WeightPlan, of configuration: ModelConfiguration, _ division: WeightDivision
  ) throws {
    self.plan = plan
    self.division = division
    var offsets: [String: Int] = [:]
    var end = 0
    let matrices = plan.tensors.filter { !$0.request.isVector }
    for tensor in matrices {
      offsets[tensor.request.name] = end
      end += SharedWeights.paddedBytes(tensor)
    }
    (self.offsets, addressBytes) = (offsets, end)
    wholeMatrices = Set(matrices.filter(\.request.isExact).map(\.request.name))

    // Nobody looks behind these addresses; only their distances count.
    let base = 1 << 20
    let outline = try plan.shapes(
      for: configuration, at: offsets.mapValues { UnsafeRawPointer(bitPattern: base + $0)! })
    let wholeOffsets = Set(wholeMatrices.map { offsets[$0]! })
    func offset(_ matrix: WeightMatrix) -> Int { Int(bitPattern: matrix.elements) - base }
    func pieces(of group: LinearGroup) -> [[Range<Int>]] {
      group.matrices.contains { wholeOffsets.contains(offset($0)) }
        ? [] : division.pieces(of: group, at: offset)
    }
    layers = outline.layers.enumerated().map { index, layer in
      WeightStage(half: index % 2, layer.linearGroups.flatMap(pieces))
    }
    let head = LinearGroup(outline.head)
    self.head = WeightStage(half: 0, pieces(of: head))
    headBytes = head.bytes
    embedding = Self.windows(
      of: outline.embedding, pieces: pieces(of: LinearGroup(outline.embedding))[0],
      offset: offset(outline.embedding), bytes: layers.map(\.extent.count).max()!)
  }

  /// As many rows at a time as have room. The last ones come to the half that the first layer does not
  /// come to.
  private static func windows(
    of embedding: WeightMatrix, pieces: [Range<Int>], offset: Int, bytes: Int
  ) -> [(rows: Range<Int>, stage: WeightStage)] {
    let rowsAtOnce = max(1, bytes / embedding.rowBytes)
    let count = (embedding.outputs + rowsAtOnce - 1) / rowsAtOnce
    return (0..<count).map { window in
      let rows = window * rowsAtOnce..<min((window + 1) * rowsAtOnce, embedding.outputs)
      let bytes =
        offset + rows.lowerBound * embedding.rowBytes..<offset + rows.upperBound
        * embedding.rowBytes
      return (
        rows,
        WeightStage(
          start: bytes.lowerBound, half: (count - window) % 2,
          pieces: [pieces.map { $0.clamped(to: bytes) }])
      )
    }
  }

  // MARK: - What it takes

  /// Bytes of a half of the room.
  ///
  /// - Parameter givesContextLogits: whether the head comes to the room, too.
  func halfBytes(givesContextLogits: Bool) -> Int {
    let stages = (layers + embedding.map(\.stage)).map(\.extent.count).max()!
    let most = givesContextLogits ? max(stages, (headBytes + 1) / 2) : stages
    return SharedWeights.padded(most)
  }

  /// Bytes of the addresses that a host uses, ascending and without overlaps: its part and what every
  /// host has.
  package func used(by host: Int) -> [Range<Int>] {
    let isTied = head.start == embedding[0].stage.start
    let parts =
      (layers + (isTied ? [] : [head]) + embedding.map(\.stage)).flatMap(\.pieces).map { $0[host] }
    let whole = plan.tensors.filter { wholeMatrices.contains($0.request.name) }.map {
      offsets[$0.request.name]!..<offsets[$0.request.name]! + $0.bytes
    }
    var merged: [Range<Int>] = []
    let ascending = (parts + whole).filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
    for range in ascending {
      if let last = merged.last, range.lowerBound <= last.upperBound {
        merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    return merged
  }

  package func bytes(of host: Int) -> Int { used(by: host).reduce(0) { $0 + $1.count } }
}

extension WeightStage {
  fileprivate init(half: Int, _ pieces: [[Range<Int>]]) {
    let parts = pieces.joined().filter { !$0.isEmpty }
    self.init(start: parts.map(\.lowerBound).min() ?? 0, half: half, pieces: pieces)
  }
}

extension WeightDivision {
  /// `[matrices][hosts]`: the bytes of each host's rows.
  ///
  /// - Parameter offset: where a matrix begins.
  fileprivate func pieces(
    of group: LinearGroup, at offset: (WeightMatrix) -> Int
  ) -> [[Range<Int>]] {
    var first = 0
    return group.matrices.map { matrix in
      defer { first += matrix.outputs }
      let start = offset(matrix)
      return (0..<hosts).map { host in
        let rows = outputs(of: host, among: group.outputs).clamped(
          to: first..<first + matrix.outputs)
        return start + (rows.lowerBound - first) * matrix.rowBytes..<start
          + (rows.upperBound - first) * matrix.rowBytes
      }
    }
  }
}
