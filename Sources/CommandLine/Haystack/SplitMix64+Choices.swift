import Kernels

/// Choices that are the same everywhere and for ever, which the standard library's ways to draw
/// from a range do not promise.
extension SplitMix64 {
  /// A number from 0 to `bound` - 1. Its bias, below `bound` / 2^64, does not matter here.
  mutating func next(below bound: Int) -> Int {
    Int((next().multipliedFullWidth(by: UInt64(bound))).high)
  }

  mutating func element<Element>(of choices: [Element]) -> Element {
    choices[next(below: choices.count)]
  }
}
