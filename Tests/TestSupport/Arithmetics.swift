import Kernels

/// Every arithmetic that this machine has, in ascending order of instruction sets for each
/// precision.
package func arithmetics(threads: Int = 1) -> [Arithmetic] {
  let team = ThreadTeam(threads: threads, spins: 0)
  return Precision.allCases.flatMap { precision in
    InstructionSet.available.map {
      Arithmetic(precision: precision, instructionSet: $0, team: team)
    }
  }
}

/// Of those with the same type of matrix input, the one with the highest instruction set.
package func highestArithmetics(threads: Int = 1) -> [Arithmetic] {
  let all = arithmetics(threads: threads)
  return all.indices.filter { index in
    !all[(index + 1)...].contains { $0.inputType == all[index].inputType }
  }.map { all[$0] }
}

extension Arithmetic {
  /// The same on another number of threads.
  package func with(threads: Int) -> Arithmetic {
    Arithmetic(
      precision: precision, instructionSet: instructionSet,
      team: ThreadTeam(threads: threads, spins: 0), quantizedProducts: quantizedProducts)
  }

  package var label: String { "\(precision) on \(instructionSet)" }
}
