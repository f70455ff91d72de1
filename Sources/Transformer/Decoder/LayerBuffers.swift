import Kernels

/// Where the rows of one rank stand while they run through a layer.
public struct LayerBuffers {
  /// How large they are, for rows of which some are at hand at once.
  struct Plan: Sendable {
    fileprivate let normed: BufferPlan.Slot<UInt8>
    fileprivate let projected: BufferPlan.Slot<Float>
    fileprivate let queries: BufferPlan.Slot<UInt8>
    fileprivate let attended: BufferPlan.Slot<UInt8>
    fileprivate let activated: BufferPlan.Slot<UInt8>
    fileprivate let contribution: BufferPlan.Slot<Float>

    /// Adds them to a plan.
    ///
    /// - Parameters:
    ///   - rows: whose queries are there together.
    ///   - rowsAtOnce: how many of them go through the linear layers at a time.
    ///   - addsInPlace: whether linear layers add to the residual stream where nothing is between.
    init(
      _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, rows: Int, rowsAtOnce: Int,
      addsInPlace: Bool, in plan: inout BufferPlan
    ) {
      let attention = configuration.attention
      normed = plan.add(
        rowsAtOnce,
        arithmetic.inputRowBytes(columns: max(configuration.hiddenSize, attention.queryWidth)))
      projected = plan.add(rowsAtOnce, configuration.widestProjection)
      queries = plan.add(rows, arithmetic.queryLayout(attention.shape, tokens: rows).tokenBytes)
      attended = plan.add(rows, arithmetic.inputRowBytes(columns: attention.queryWidth))
      activated = plan.add(
        rowsAtOnce,
        configuration.layers.map {
          arithmetic.inputRowBytes(columns: $0.feedForward.workspace.activated)
        }.max()!)
      let isAddedInPlace = addsInPlace && !configuration.normalization.hasOutputNorms
      contribution = plan.add(isAddedInPlace ? 0 : rowsAtOnce, configuration.hiddenSize)
    }
  }

  /// `[rowsAtOnce]` rows of matrix input of hiddenSize or queryWidth: norms, and what was attended
  /// where the output projection wants it as int8.
  let normed: UnsafeMutableRawPointer
  /// `[rowsAtOnce][…]` float32: queries, keys and values of a row, or what the feed-forward's first
  /// linear layers give.
  let projected: UnsafeMutablePointer<Float>
  /// As in `QueryLayout`, of all rows.
  let queries: UnsafeMutableRawPointer
  /// `[rows][inputStride(queryWidth)]` matrix input.
  let attended: UnsafeMutableRawPointer
  /// `[rowsAtOnce][…]` matrix input of the feed-forward's last linear layers.
  let activated: UnsafeMutableRawPointer
  /// `[rowsAtOnce][hiddenSize]` float32: what is to be added to the residual stream.
  let contribution: UnsafeMutablePointer<Float>

  init(_ plan: Plan, in memory: Buffers) {
    normed = memory[raw: plan.normed]
    projected = memory[plan.projected]
    queries = memory[raw: plan.queries]
    attended = memory[raw: plan.attended]
    activated = memory[raw: plan.activated]
    contribution = memory[plan.contribution]
  }
}

extension ModelConfiguration {
  /// Float32 elements that linear layers with one input give for a row, in any layer: queries, keys
  /// and values, or those of the feed-forward.
  var widestProjection: Int {
    max(
      attention.queryWidth + 2 * attention.keyValueWidth,
      layers.map { $0.feedForward.workspace.projected }.max()!)
  }
}
