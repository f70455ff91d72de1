import Files

/// One tensor of a file that has a matrix, or a bias, for each expert of a layer.
struct FusedExperts {
  /// What single ones are called: in turn a layer's prefix, the number, and this.
  struct Part {
    let suffix: String
    /// The outputs that are its rows: so many from the first on, each `step` from the one before.
    let first: Int
    let step: Int
    let count: Int
  }

  private enum Arrangement {
    /// A row of inputs for each output.
    case rows
    /// A row of outputs for each input.
    case columns
    /// The same as `rows` in MXFP4, the scales in a tensor of their own.
    case blocks(scales: Tensor)
  }

  /// What stands before an expert's number, with the point.
  let prefix: String
  let experts: Int
  let parts: [Part]
  private let stored: Tensor
  private let arrangement: Arrangement
  private let outputs: Int
  /// Nil for biases.
  private let inputs: Int?

  /// The names of the file's tensors.
  var storedName: String { stored.name }

  /// - Parameters:
  ///   - form: what its name says of it.
  ///   - files: where the scales of blocks are.
  ///   - model: what the model is called.
  /// - Throws: `FileError` where its shape is none of experts, or the scales do not fit.
  init(_ stored: Tensor, _ form: FusedName, in files: any TensorCollection, of model: String) throws
  {
    func malformed(_ problem: String) -> FileError {
      FileError(
        .malformed, "\(model): the tensor '\(stored.name)' \(problem); fetch the files again")
    }
    let shape = stored.shape
    guard shape.count == form.words.count, !shape.contains(0) else {
      throw malformed(
        "has the shape \(shape), but all experts in one have [\(form.words.joined(separator: ", "))]"
      )
    }
    experts = shape[0]
    switch form.kind {
    case .rows: (outputs, inputs, arrangement) = (shape[1], shape[2], .rows)
    case .columns: (outputs, inputs, arrangement) = (shape[2], shape[1], .columns)
    case .bias: (outputs, inputs, arrangement) = (shape[1], nil, .rows)
    case .blocks(let scalesName):
      guard let scales = files.tensor(named: scalesName) else {
        throw malformed("has blocks of MXFP4, but there is no '\(scalesName)' with their scales")
      }
      let bytes = TensorElementType.unsignedInteger8
      guard shape[3] == 16, stored.elementType == bytes, scales.elementType == bytes,
        scales.shape == Array(shape.dropLast())
      else {
        throw malformed(
          "is \(stored.elementType.rawValue) of the shape \(shape) and '\(scalesName)' "
            + "\(scales.elementType.rawValue) of \(scales.shape), but blocks of MXFP4 are U8 of "
            + "[experts, outputs, inputs / 32, 16], and their scales U8 of the same without the 16")
      }
      (outputs, inputs, arrangement) = (shape[1], shape[2] * 32, .blocks(scales: scales))
    }
    guard outputs % form.suffixes.count == 0 else {
      throw malformed(
        "has the shape \(shape), but gate and up in one have an even number of outputs")
    }
    let count = outputs / form.suffixes.count
    parts = form.suffixes.enumerated().map { index, suffix in
      form.alternates
        ? Part(suffix: suffix, first: index, step: form.suffixes.count, count: count)
        : Part(suffix: suffix, first: index * count, step: 1, count: count)
    }
    prefix = form.prefix
    self.stored = stored
  }

  private func shape(_ part: Part) -> [Int] { inputs.map { [part.count, $0] } ?? [part.count] }

  /// A part of one expert, called `name`, where it lies; nil where it has to be assembled.
  func tensor(_ part: Part, of expert: Int, named name: String) -> Tensor? {
    guard case .rows = arrangement, part.step == 1,
      let rowBytes = stored.elementType.byteCount(shape: [inputs ?? 1])
    else { return nil }
    let start = (expert * outputs + part.first) * rowBytes
    return Tensor(
      name: name, elementType: stored.elementType, shape: shape(part),
      bytes: UnsafeRawBufferPointer(
        rebasing: stored.bytes[start..<start + part.count * rowBytes]),
      owner: stored.owner)
  }

  /// A part of one expert, called `name`, that has to be assembled; nil where it lies in its order.
  func assembled(_ part: Part, of expert: Int, named name: String) -> AssembledTensor? {
    let start = stored.bytes.baseAddress!
    let width = inputs ?? 1
    let row = expert * outputs + part.first
    let element = stored.elementType.bytesPerBlock
    var (type, owners) = (stored.elementType, [stored.owner])
    let parts: AssembledTensor.Parts
    switch arrangement {
    case .rows where part.step == 1: return nil
    case .rows:
      parts = .apart(
        elements: start + row * width * element, rowStep: part.step * width, columnStep: 1)
    case .columns:
      parts = .apart(
        elements: start + (expert * outputs * width + part.first) * element, rowStep: part.step,
        columnStep: outputs)
    case .blocks(let scales):
      parts = .blocks(
        start + row * (width / 2), scales: scales.bytes.baseAddress! + row * (width / 32),
        rowStep: part.step)
      (type, owners) = (.mxfp4, [stored.owner, scales.owner])
    }
    return AssembledTensor(
      name: name, elementType: type, shape: shape(part), parts: parts, owners: owners)
  }
}

/// What the name of a tensor with all experts of a layer says of it.
struct FusedName {
  enum Kind {
    case rows, columns, bias
    case blocks(scales: String)
  }

  let kind: Kind
  /// What stands before an expert's number, with the point.
  let prefix: String
  /// What follows the number in the names of the single tensors that it has.
  let suffixes: [String]
  /// Whether their outputs alternate, where there are several; else they follow one another.
  let alternates: Bool

  /// What its dimensions are.
  var words: [String] {
    switch kind {
    case .rows: ["experts", "outputs", "inputs"]
    case .columns: ["experts", "inputs", "outputs"]
    case .bias: ["experts", "outputs"]
    case .blocks: ["experts", "outputs", "inputs / 32", "16"]
    }
  }

  /// Nil for the name of another tensor.
  init?(_ name: String, _ layout: ExpertLayout) {
    guard var (prefix, rest) = ExpertTensorName.split(name) else { return nil }
    alternates = layout == .columns
    let endings: [(String, Kind)] =
      switch layout {
      case .rows, .renamedRows: [(".weight", .rows), (".bias", .bias), ("", .rows)]
      case .columns:
        [
          ("_blocks", .blocks(scales: name.dropLast("blocks".count) + "scales")),
          ("_bias", .bias), ("", .columns),
        ]
      }
    let (ending, kind) = endings.first { rest.hasSuffix($0.0) }!
    rest = rest.dropLast(ending.count)
    if layout == .renamedRows, prefix.hasSuffix(".mlp.experts.") {
      prefix = prefix.dropLast("mlp.experts.".count) + "block_sparse_moe.experts."
    }
    guard
      let matrices = Self.matrices(
        rest, isNumbered: prefix.hasSuffix(".block_sparse_moe.experts."))
    else { return nil }
    let isBias = if case .bias = kind { true } else { false }
    self.kind = kind
    self.prefix = prefix
    suffixes = matrices.map { "." + $0 + (isBias ? ".bias" : ".weight") }
  }

  /// Whether a name is that of the scales of blocks, and what the blocks are called.
  static func blocks(ofScales name: String) -> String? {
    guard let (_, rest) = ExpertTensorName.split(name),
      ["gate_up_proj_scales", "down_proj_scales"].contains(rest)
    else { return nil }
    return name.dropLast("scales".count) + "blocks"
  }

  /// What the matrices are called one by one.
  private static func matrices(_ name: Substring, isNumbered: Bool) -> [String]? {
    let numbers = ["gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"]
    let names: [String]
    switch name {
    case "gate_up_proj": names = ["gate_proj", "up_proj"]
    case "gate_proj", "up_proj", "down_proj": names = [String(name)]
    default: return nil
    }
    return isNumbered ? names.map { numbers[$0]! } : names
  }
}
