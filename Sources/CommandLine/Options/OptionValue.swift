import ArgumentParser

/// Conversions from an option's text to its value. What they throw completes a sentence that
/// already names the option and the value.
enum OptionValue {
  static func integer(
    _ range: ClosedRange<Int>
  ) -> @Sendable (String) throws -> Int {
    { text in
      guard let value = Int(text), range.contains(value) else {
        throw ValidationError(
          "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
  }

  /// One number or several, with commas between them.
  static func integers(
    _ range: ClosedRange<Int>
  ) -> @Sendable (String) throws -> [Int] {
    { text in
      let values = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
      let numbers = values.compactMap { $0 }
      guard numbers.count == values.count, numbers.allSatisfy(range.contains) else {
        throw ValidationError(
          "expected whole numbers from \(range.lowerBound) to \(range.upperBound) with commas "
            + "between them")
      }
      return numbers
    }
  }

  static func seed(_ text: String) throws -> UInt64 {
    guard let value = UInt64(text) else {
      throw ValidationError("expected a whole number from 0 to \(UInt64.max)")
    }
    return value
  }

  static func number(_ range: SamplingRange) -> @Sendable (String) throws -> Double {
    { text in
      guard let value = Double(text), range.contains(value) else {
        throw ValidationError("expected \(range.description)")
      }
      return value
    }
  }

  /// A finite number above a bound, or from it up.
  static func number(
    _ bound: Int, included: Bool
  ) -> @Sendable (String) throws -> Double {
    { text in
      guard let value = Double(text), value.isFinite,
        included ? value >= Double(bound) : value > Double(bound)
      else {
        throw ValidationError(
          included
            ? "expected a finite number from \(bound) up"
            : "expected a finite number above \(bound)")
      }
      return value
    }
  }

  static func minutes(_ text: String) throws -> Double {
    guard let value = Double(text), value.isFinite, value > 0 else {
      throw ValidationError("expected a finite number of minutes above 0")
    }
    return value
  }

  /// Of 10^9 bytes.
  static func gigabytes(_ text: String) throws -> Double {
    guard let value = Double(text), value > 0, value <= 1e9 else {
      throw ValidationError("expected a number of GB above 0, up to a billion")
    }
    return value
  }

  static func path(_ text: String) throws -> String {
    guard !text.isEmpty else { throw ValidationError("expected the name of a file, not nothing") }
    guard !text.utf8.contains(0) else {
      throw ValidationError("the name of a file cannot contain the character NUL")
    }
    return text
  }

  static func stopText(_ text: String) throws -> String {
    guard !text.isEmpty else { throw ValidationError("an empty text would stop at once") }
    return text
  }

  /// One of an enumeration's raw values.
  static func choice<Choice: CaseIterable & RawRepresentable<String> & Sendable>(
    _ type: Choice.Type
  ) -> @Sendable (String) throws -> Choice {
    { text in
      guard let value = Choice(rawValue: text) else {
        let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("expected one of \(names)")
      }
      return value
    }
  }
}
