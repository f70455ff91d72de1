import CKernels

extension KeyValueLayout {
  /// The order and type of a block's elements: blocks with one name and one shape can be read by the
  /// same arithmetic.
  public var name: String {
    if format == .q8 { return "panels of \(RF_PANEL_COLUMNS), int8 with scales for 32" }
    return isPacked
      ? "panels of \(RF_PANEL_COLUMNS), \(interleave) together, \(elementBytes) bytes each"
      : "rows, \(elementBytes) bytes each"
  }
}
