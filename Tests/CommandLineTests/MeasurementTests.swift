import CommandLine
import Testing

@Suite struct MeasurementTests {
  @Test func isTheMeanAndTheDeviationOfTheSample() {
    let several = Measurement([2, 4, 4, 4, 5, 5, 7, 9])
    #expect(several.mean == 5)
    #expect(abs(several.standardDeviation - (32.0 / 7).squareRoot()) < 1e-15)
    let one = Measurement([3])
    #expect(one.mean == 3 && one.standardDeviation == 0)
  }
}
