import Foundation
import Kernels
import Ranks

extension Job {
  /// The highest instruction set that every rank has, or that `RINGFLASH_ISA` forces on it: KV blocks
  /// are laid out for it, and results differ between them.
  ///
  /// - Throws: `AgreedFailure`, `MPIError`.
  func agreedInstructionSet() throws -> InstructionSet {
    let own = try onEveryRank {
      try InstructionSet.selected(environment: ProcessInfo.processInfo.environment)
    }
    let index = InstructionSet.allCases.firstIndex(of: own)!
    return InstructionSet.allCases[try communicator.allReduce(value: index, .minimum)]
  }
}
