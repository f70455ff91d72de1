import Files
import Testing

/// Expects `body` to throw a `FileError` of `kind` whose sentence holds all of `words`.
package func expectError(
  _ kind: FileError.Kind, naming words: [String], _ comment: String = "",
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  let error = #expect(
    throws: FileError.self, "\(comment) \(words)", sourceLocation: sourceLocation,
    performing: body)
  guard let error else { return }
  #expect(error.kind == kind, "\(comment): \(error)", sourceLocation: sourceLocation)
  for word in words {
    #expect("\(error)".contains(word), "\(comment): \(word)", sourceLocation: sourceLocation)
  }
}
