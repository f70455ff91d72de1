/// How much a template may do. Each is far more than any conversation needs and little enough that
/// a template that runs wild ends within seconds.
enum Limits {
  /// Steps: one for each expression and statement, one for each element and each 32 bytes touched.
  static let steps = 20_000_000
  /// Bytes of one text, besides twice the input's.
  static let textBytes = 32 << 20
  /// Elements of one list or dictionary.
  static let elements = 1_000_000
  /// Elements of `range(…)`, as in Jinja's sandbox.
  static let rangeElements = 100_000
  /// Nesting of blocks and of expressions in the template's text.
  static let syntaxDepth = 150
  /// Nesting of expressions, blocks and macro calls while they are evaluated.
  static let evaluationDepth = 1000
  /// Nesting of lists and dictionaries.
  static let valueDepth = 100
  /// Namespaces and macros that a rendering may make.
  static let closures = 100_000
}
