import Kernels

/// Names for needles.
///
/// The built-in model finds a place by its last 15 bytes, nearer ones counting more. "of NAME is "
/// with a name of at most 8 letters fits in these, and no name is the end of another, so that no
/// needle looks like another from where the model stands.
enum NeedleNames {
  /// Words of 4 to 7 letters, none the end of another.
  private static let words = [
    "otter", "falcon", "willow", "harbor", "copper", "meadow", "lantern", "walnut", "pepper",
    "garnet", "violin", "anchor", "badger", "cactus", "dolphin", "ember", "fiddle", "ginger",
    "hazel", "island", "jasmine", "kettle", "lemon", "marble", "nectar", "olive", "pebble",
    "quartz", "rabbit", "saffron", "thistle", "umbrage", "velvet", "walrus", "yarrow", "zephyr",
    "almond", "birch", "cedar", "dahlia", "elder", "ferret", "gopher", "heron", "indigo",
    "jackal", "kiwi", "lichen", "magpie", "nutmeg", "orchid", "panda", "quince", "raven",
    "salmon", "tulip", "urchin", "vanilla", "weasel", "yucca", "zinnia", "acorn", "beetle",
    "clover",
  ]
  private static let consonants = Array("bdfghklmnprstvwz")
  private static let vowels = Array("aeiou")

  /// `count` names: words in random order first, then made-up ones of four syllables. There are 40
  /// million of these.
  static func make(_ count: Int, using generator: inout SplitMix64) -> [String] {
    var words = words
    for last in words.indices.dropFirst().reversed() {
      words.swapAt(last, generator.next(below: last + 1))
    }
    var names = Array(words.prefix(count))
    var taken = Set(words)
    while names.count < count {
      var name = ""
      for _ in 0..<4 {
        name.append(generator.element(of: consonants))
        name.append(generator.element(of: vowels))
      }
      // Made-up names are the longest, so only a word could be the end of one.
      let endsInWord = name.indices.contains { taken.contains(String(name[$0...])) }
      if !endsInWord {
        taken.insert(name)
        names.append(name)
      }
    }
    return names
  }
}
