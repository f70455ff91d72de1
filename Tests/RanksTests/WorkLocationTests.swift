import Foundation
import Ranks
import TestSupport
import Testing

extension RankTests {
  // In one order with all tests that say where they are.
  @Suite @MPIThread struct WorkLocationTests {
    private struct Problem: Error {}

    private var here: String { "\(WorkLocation.current)" }

    @Test func scopesAreNamedFromTheSmallestOn() {
      WorkLocation.within(stage: "test") {
        #expect(here == "the test")
        WorkLocation.within("layer", 5) {
          #expect(here == "layer 5 of the test")
          for hop in 1...3 {
            WorkLocation.within("hop", hop) { #expect(here == "layer 5, hop \(hop) of the test") }
          }
          // A stage within another is named alone.
          WorkLocation.within(stage: "save") { #expect(here == "the save") }
          #expect(here == "layer 5 of the test")
        }
        #expect(here == "the test")
      }
    }

    @Test func aScopeThatAnErrorLeavesStays() {
      let before = here
      WorkLocation.within(stage: "test") {
        #expect(throws: Problem.self) {
          try WorkLocation.within("layer", 5) {
            try WorkLocation.within("hop", 2) { throw Problem() }
          }
        }
        #expect(here == "layer 5, hop 2 of the test")
      }
      #expect(here == before)
    }

    @Test func anyThreadCanAsk() async {
      let (asked, answered) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
      nonisolated(unsafe) var seen = ""
      Thread {
        asked.wait()
        seen = "\(WorkLocation.current)"
        answered.signal()
      }.start()
      WorkLocation.within("layer", 7) {
        asked.signal()
        answered.wait()
      }
      #expect(seen.hasPrefix("layer 7 of "))
    }
  }
}
