import Kernels

/// Where the rows of one rank stand while they run through a layer.
public struct LayerBuffers {
  /// How large they are, for rows of which some are at hand at once.
  struct Plan: Sendable {
    fileprivate let rowsAtOnce: Int
    fileprivate let experts: ExpertBuffers.Plan?
    fileprivate let normed: BufferPlan.Slot<UInt8>
    fileprivate let projected: BufferPlan.Slot<Float>
    fileprivate let values: BufferPlan.Slot<Float>
    fileprivate let queries: BufferPlan.Slot<UInt8>
    fileprivate let attended: BufferPlan.Slot<UInt8>
    fileprivate let activated: BufferPlan.Slot<UInt8>
    fileprivate let contribution: BufferPlan.Slot<Float>

    /// Adds them to a plan.
    ///
    /// - Parameters:
    ///   - rows: whose queries are there together.
    ///   - rowsAtOnce: how many of them go through dense linear layers at a time.
    ///   - expertTokens: how many go through a mixture of experts at a time.
    ///   - addsInPlace: whether linear layers add to the residual stream where nothing is between; if
    ///     not, what they add are sums over chunks.
    init(
      _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, rows: Int, rowsAtOnce: Int,
      expertTokens: Int, addsInPlace: Bool, in plan: inout BufferPlan
    ) {
      self.rowsAtOnce = rowsAtOnce
      let attentions = configuration.attentions
      let queryWidth = attentions.map(\.queryWidth).max()!
      let feedForwards = configuration.layers.map(\.feedForward)
      let mixtures = feedForwards.compactMap(\.mixture)
      let expertTokens = max(expertTokens, rowsAtOnce)
      let experts =
        mixtures.isEmpty
        ? nil
        : ExpertBuffers.Plan(
          mixtures, configuration, arithmetic, tokens: expertTokens, sumsChunks: !addsInPlace,
          in: &plan)
      self.experts = experts
      let hidden = arithmetic.inputRowBytes(columns: configuration.hiddenSize)
      normed = plan.add(
        max(
          rowsAtOnce * max(hidden, arithmetic.inputRowBytes(columns: queryWidth)),
          mixtures.isEmpty ? 0 : expertTokens * hidden))
      // Rows that are multiplied at a time, and how wide what they give is between two linear layers.
      let widths =
        feedForwards.compactMap(\.dense).map { (rowsAtOnce, $0.intermediateSize) }
        + mixtures.flatMap(\.parts).map { (experts!.rows, $0.intermediateSize) }
      projected = plan.add(
        max(
          rowsAtOnce * attentions.map { $0.queryWidth + 2 * $0.keyValueWidth }.max()!,
          widths.map { $0 * 2 * $1 }.max()!))
      values = plan.add(
        arithmetic.team.threads,
        attentions.map { $0.keysAreValues ? $0.keyValueWidth : 0 }.max()!)
      queries = plan.add(
        rows, attentions.map { arithmetic.queryLayout($0.shape, tokens: rows).tokenBytes }.max()!)
      attended = plan.add(rows, arithmetic.inputRowBytes(columns: queryWidth))
      activated = plan.add(widths.map { $0 * arithmetic.inputRowBytes(columns: $1) }.max()!)
      let isAddedInPlace = addsInPlace && !configuration.normalization.hasOutputNorms
      contribution = plan.add(isAddedInPlace ? 0 : rowsAtOnce, configuration.hiddenSize)
    }
  }

  /// Rows that go through dense linear layers at a time, at most.
  let rowsAtOnce: Int
  /// Nil where no layer has any.
  let experts: ExpertBuffers?
  /// `[rowsAtOnce]` rows of matrix input of hiddenSize or queryWidth: norms, and what was attended
  /// where the output projection wants it as int8; or of hiddenSize as many as go through experts.
  let normed: UnsafeMutableRawPointer
  /// `[…][…]` float32: queries, keys and values of a row, or what the feed-forward's first
  /// linear layers give.
  let projected: UnsafeMutablePointer<Float>
  /// `[threads][keyValueWidth]` float32: values that are copies of keys.
  let values: UnsafeMutablePointer<Float>
  /// As in `QueryLayout`, of all rows.
  let queries: UnsafeMutableRawPointer
  /// `[rows][inputStride(queryWidth of the layer)]` matrix input.
  let attended: UnsafeMutableRawPointer
  /// `[…][…]` matrix input of the feed-forward's last linear layers.
  let activated: UnsafeMutableRawPointer
  /// `[rowsAtOnce][hiddenSize]` float32: what is to be added to the residual stream.
  let contribution: UnsafeMutablePointer<Float>

  init(_ plan: Plan, in memory: Buffers) {
    rowsAtOnce = plan.rowsAtOnce
    experts = plan.experts.map { ExpertBuffers($0, in: memory) }
    normed = memory[raw: plan.normed]
    projected = memory[plan.projected]
    values = memory[plan.values]
    queries = memory[raw: plan.queries]
    attended = memory[raw: plan.attended]
    activated = memory[raw: plan.activated]
    contribution = memory[plan.contribution]
  }
}

extension ModelConfiguration {
  /// The most float32 elements that linear layers give on the appending path at once, in any layer, for
  /// so many tokens.
  package func widestProduct(tokens: Int) -> Int {
    let ofLayers = layers.flatMap { layer in
      let mixture = layer.feedForward.mixture
      return [tokens * 2 * (layer.feedForward.dense?.intermediateSize ?? 0)]
        + (mixture.map {
          [
            tokens * $0.expertsPerToken * 2 * $0.expert.intermediateSize,
            tokens * 2 * ($0.shared?.expert.intermediateSize ?? 0),
          ]
        } ?? [])
    }
    let attentionOutputs = attentions.map { $0.queryWidth + 2 * $0.keyValueWidth }.max()!
    return max(tokens * max(attentionOutputs, hiddenSize), ofLayers.max()!)
  }

  /// The most rows that one of these has: of experts, a token has several.
  package func mostProductRows(tokens: Int) -> Int {
    tokens * max(1, layers.compactMap { $0.feedForward.mixture?.expertsPerToken }.max() ?? 1)
  }
}
