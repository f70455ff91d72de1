import Kernels
import Testing

struct SplitMix64Tests {
  /// The values that Vigna's `splitmix64.c` gives for this seed.
  @Test func givesThePublishedValues() {
    var random = SplitMix64(seed: 1_234_567)
    let published: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
    ]
    for value in published { #expect(random.next() == value) }
  }

  @Test func uniformNumbersLieInTheirRange() {
    var random = SplitMix64(seed: 7)
    let numbers = (0..<10_000).map { _ in random.nextUniform() }
    #expect(numbers.allSatisfy { (0..<1).contains($0) })
    #expect(abs(numbers.reduce(0, +) / 10_000 - 0.5) < 0.02)
  }
}
