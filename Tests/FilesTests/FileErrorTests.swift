import Files
import Foundation
import SystemPackage
import Testing

struct FileErrorTests {
  @Test func anErrorIsItsSentence() {
    let error = FileError(.malformed, "model.safetensors: is cut short")
    #expect("\(error)" == "model.safetensors: is cut short")
    #expect((error as any Error).localizedDescription == "model.safetensors: is cut short")
    #expect(error.code == nil)
  }

  @Test func whatTheSystemSaysIsInTheSentence() {
    let error = FileError(
      .unreadable, "a/b", "cannot be opened", .permissionDenied, "check its permissions")
    #expect("\(error)" == "a/b: cannot be opened (Permission denied); check its permissions")
    #expect(error.code == .permissionDenied)
  }

  @Test func aRefusalIsExplained() {
    #expect(throws: FileError(.writeFailed, "full", code: .noSpace)) {
      try Errno.explained {
        throw Errno.noSpace
      } by: {
        FileError(.writeFailed, "full", code: $0)
      }
    }
    #expect(close(-1) == -1)
    #expect(Errno.last == .badFileDescriptor)
  }
}
