import ChatTemplates
import Files
import Inference
import JSON
import Kernels
import MPI
import Ranks
import Tokenizers
import Transformer

extension Failure {
  /// The exit code and the sentence of any error of the project's modules.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case let agreed as AgreedFailure: self = agreed.failure
    // What the system has no memory for, such as a mapping, is nothing that is wrong with the file.
    case let error as FileError where error.code == .noMemory:
      self.init(.unavailable, error.description)
    case let error as FileError: self.init(Self.code(error.kind), error.description)
    case let error as JSONError: self.init(.badData, error.description)
    case let error as TokenizerError: self.init(Self.code(error.kind), error.description)
    case let error as ChatTemplateError: self.init(.badData, error.description)
    case let error as ModelError: self.init(.badData, error.message)
    case let error as InstructionSetError: self.init(.unavailable, error.description)
    case let error as OpenBLASError: self.init(.unavailable, error.description)
    case let error as SharedMemoryError:
      self.init(.unavailable, "\(error.description); use fewer ranks a host, or one")
    case let error as MPIError where error.routine == "MPI_Init_thread":
      self.init(.unavailable, error.description)
    case let error as MPIError: self.init(.internalError, error.description)
    default: self.init(.internalError, "\(error)")
    }
  }

  private static func code(_ kind: FileError.Kind) -> ExitCode {
    switch kind {
    case .notFound: .noInput
    case .malformed, .unsupported: .badData
    case .mismatch: .unavailable
    case .unreadable, .writeFailed: .inputOutput
    }
  }

  private static func code(_ kind: TokenizerError.Kind) -> ExitCode {
    switch kind {
    case .malformed, .unsupported: .badData
    case .invalidOption: .usage
    }
  }
}
