import Kernels

/// Writes English-like sentences that resemble no needle: no digits, no "is", neither "secret" nor
/// "passkey".
struct Filler {
  private enum Part {
    case text(String)
    case adjective, noun, verb, place, time
  }

  private static let patterns: [[Part]] = [
    [.text("The "), .adjective, .text(" "), .noun, .text(" "), .verb, .text(" "), .place],
    [.time, .text(", the "), .noun, .text(" "), .verb, .text(" "), .place],
    [.text("Nobody noticed how the "), .adjective, .text(" "), .noun, .text(" "), .verb],
    [
      .text("The "), .noun, .text(" "), .verb, .text(", and the "), .adjective, .text(" "), .noun,
      .text(" "), .verb, .text(" "), .place,
    ],
    [.text("Every "), .noun, .text(" "), .place, .text(" "), .verb, .text(" before the "), .noun],
    [.time, .text(" the "), .noun, .text(" grew "), .adjective, .text(" and "), .adjective],
    [.text("They said that the "), .noun, .text(" "), .place, .text(" never "), .verb],
    [
      .text("While one "), .noun, .text(" "), .verb, .text(", another "), .verb, .text(" "), .place,
    ],
  ]
  private static let adjectives = [
    "old", "quiet", "narrow", "golden", "distant", "patient", "hollow", "gentle", "crooked",
    "bright", "weary", "clever", "frozen", "plain", "rusty", "silver", "sleepy", "sturdy",
    "tender", "pale", "brisk", "dusty", "faint", "humble", "lively", "mossy", "rough", "shallow",
    "steep", "wooden",
  ]
  private static let nouns = [
    "river", "baker", "window", "garden", "sailor", "mountain", "letter", "teacher", "bridge",
    "market", "horse", "winter", "village", "painter", "tower", "orchard", "traveller", "clock",
    "farmer", "story", "candle", "doctor", "forest", "ladder", "miller", "neighbour", "ocean",
    "piano", "queen", "road", "shepherd", "train", "uncle", "valley", "wagon", "writer", "basket",
    "cloud", "drummer", "engine", "ferry", "hammer", "kitchen", "lighthouse", "mirror", "parade",
    "student", "tailor",
  ]
  private static let verbs = [
    "waited", "changed", "returned", "listened", "wandered", "rested", "answered", "vanished",
    "sang", "travelled", "stood still", "turned around", "slowed down", "fell asleep", "laughed",
    "grew", "worked", "arrived", "hesitated", "shone", "moved on", "remained", "trembled",
    "whispered", "hurried", "lingered", "stumbled", "woke up", "drifted", "settled", "paused",
    "departed",
  ]
  private static let places = [
    "by the water", "near the station", "under a grey sky", "beyond the hills", "in the square",
    "along the coast", "behind the school", "at the edge of town", "beside the fire",
    "across the field", "among the trees", "on the upper floor", "through the fog",
    "below the castle", "outside the theatre", "between two houses", "over the harbour",
    "in the long corridor", "around the corner", "against the wind", "upon the stairs",
    "within the walls", "toward the border", "past the mill",
  ]
  private static let times = [
    "In the morning", "After the storm", "Late in autumn", "Before supper", "Long ago",
    "At noon", "Once more", "During the feast", "On a cold evening", "Year after year",
    "Without a word", "Some days later", "Toward midnight", "When spring came", "All at once",
    "Now and then",
  ]
  /// Words by their number of letters, to end a stretch at the very byte.
  private static let wordsByLength: [[String]] = [
    [], ["a"], ["up", "we", "no", "so"], ["sun", "low", "far", "oak"],
    ["rain", "home", "slow", "warm"], ["field", "stone", "light", "early"],
    ["autumn", "gentle", "bright", "slowly"],
    ["evening", "journey", "quietly", "whisper"], ["mountain", "together", "sunlight", "wanderer"],
    ["afternoon", "lingering", "yesterday", "somewhere"],
  ]

  private var generator: SplitMix64

  init(generator: SplitMix64) {
    self.generator = generator
  }

  /// Appends exactly `count` bytes, the last a newline.
  mutating func append(_ count: Int, to text: inout [UInt8]) {
    let end = text.count + count
    while true {
      let start = text.count
      appendSentence(to: &text)
      // Three bytes are the shortest ending: a letter, a period and a newline.
      guard text.count + 3 <= end else {
        text.removeSubrange(start...)
        break
      }
    }
    appendEnding(end - text.count, to: &text)
  }

  /// A sentence, and a space or the end of a paragraph.
  private mutating func appendSentence(to text: inout [UInt8]) {
    for part in generator.element(of: Self.patterns) {
      let words =
        switch part {
        case .text(let fixed): fixed
        case .adjective: generator.element(of: Self.adjectives)
        case .noun: generator.element(of: Self.nouns)
        case .verb: generator.element(of: Self.verbs)
        case .place: generator.element(of: Self.places)
        case .time: generator.element(of: Self.times)
        }
      text.append(contentsOf: words.utf8)
    }
    text.append(UInt8(ascii: "."))
    text.append(generator.next(below: 6) == 0 ? UInt8(ascii: "\n") : UInt8(ascii: " "))
  }

  /// `count` bytes of words whose lengths add up, ".", newline; newlines alone where there is no
  /// room.
  private mutating func appendEnding(_ count: Int, to text: inout [UInt8]) {
    guard count >= 3 else {
      text.append(contentsOf: repeatElement(UInt8(ascii: "\n"), count: count))
      return
    }
    let start = text.count
    var remaining = count - 2
    while remaining > 0 {
      // A word that is not the last leaves room for a space and at least one letter.
      let isLast = remaining < Self.wordsByLength.count
      let length = isLast ? remaining : 2 + generator.next(below: Self.wordsByLength.count - 4)
      text.append(contentsOf: generator.element(of: Self.wordsByLength[length]).utf8)
      remaining -= length
      if !isLast {
        text.append(UInt8(ascii: " "))
        remaining -= 1
      }
    }
    text[start] -= 0x20
    text.append(contentsOf: ".\n".utf8)
  }
}
