/// A small generator of random numbers that gives the same numbers everywhere and for ever (Steele,
/// Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014), which the standard library's
/// ways to draw from a range do not promise.
struct SplitMix64 {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  /// A number from 0 to `bound` - 1. Its bias, below `bound` / 2^64, does not matter here.
  mutating func next(below bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    mixed ^= mixed >> 31
    return Int((mixed.multipliedFullWidth(by: UInt64(bound))).high)
  }

  mutating func element<Element>(of choices: [Element]) -> Element {
    choices[next(below: choices.count)]
  }
}
