import Kernels

extension PrefillExecution {
  /// As matrix products of all rows of an expert; each adds to its token, in the order of the experts.
  func add(
    _ mixture: MixtureOfExperts, of inputs: MatrixInputs, tokens: Int,
    to stream: UnsafeMutablePointer<Float>
  ) throws -> Bool {
    let (experts, configuration) = (buffers.experts!, mixture.configuration)
    let columns = mixture.routed.gateAndUp[0].inputs
    let isRouted = experts.forEachRows(
      experts: configuration.experts, expertsPerToken: configuration.expertsPerToken
    ) { rows in
      arithmetic.gather(inputs, columns: columns, rows: rows, into: experts.gathered)
      return add(
        mixture.routed, rows, of: MatrixInputs(experts.gathered, inputs.type), to: stream)
    }
    guard isRouted, let common = mixture.common else { return isRouted }
    return experts.forEachRows(ofAll: tokens) { rows, first in
      let offset = first * inputs.type.rowBytes(columns: columns)
      return add(common, rows, of: MatrixInputs(inputs.rows + offset, inputs.type), to: stream)
    }
  }

  /// - Parameter inputs: `[rows.count]`
  private func add(
    _ layers: ExpertLayers, _ rows: ExpertRows, of inputs: MatrixInputs,
    to stream: UnsafeMutablePointer<Float>
  ) -> Bool {
    arithmetic.multiply(layers.gateAndUp, rows: rows, inputs: inputs, outputs: buffers.projected)
    guard goesOn() else { return false }
    let output = layers.output
    let type = layers.outputType(in: arithmetic)
    arithmetic.activate(
      layers.activation, gateAndUp: buffers.projected, rows: rows.count,
      columns: output[0].inputs, into: buffers.activated, as: type)
    let outputs = buffers.experts!.outputs
    arithmetic.multiply(
      output, rows: rows, inputs: MatrixInputs(buffers.activated, type), outputs: outputs)
    arithmetic.add(outputs, rows: rows, columns: output[0].outputs, to: stream)
    return goesOn()
  }
}
