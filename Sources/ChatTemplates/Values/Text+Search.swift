import Foundation

extension Text {
  /// The offset of the first byte of `other`'s first place at or after `start`, in bytes.
  func find(_ other: Text, from start: Int = 0) -> Int? {
    bytes.firstOffset(of: other.bytes, from: start)
  }

  /// The same for the last place.
  func findLast(_ other: Text) -> Int? {
    let reversed = [UInt8](bytes.reversed())
    return reversed.firstOffset(of: other.bytes.reversed(), from: 0).map {
      bytes.count - $0 - other.bytes.count
    }
  }

  func hasPrefix(_ other: Text) -> Bool { bytes.starts(with: other.bytes) }

  func hasSuffix(_ other: Text) -> Bool {
    bytes.count >= other.bytes.count && bytes.suffix(other.bytes.count).elementsEqual(other.bytes)
  }

  /// How often `other` occurs, one place after another; an empty text occurs around every code
  /// point.
  func occurrences(of other: Text) -> Int {
    if other.isEmpty { return count + 1 }
    var count = 0
    var start = 0
    while let place = find(other, from: start) {
      count += 1
      start = place + other.bytes.count
    }
    return count
  }

  /// All places of `old`, or the first `limit`, replaced.
  func replacing(_ old: Text, by new: Text, limit: Int = .max) -> Text {
    var result: [UInt8] = []
    var remaining = limit
    if old.isEmpty {
      for character in characters {
        if remaining > 0 { result += new.bytes }
        remaining -= 1
        result += character.bytes
      }
      if remaining > 0 { result += new.bytes }
      return Text(result)
    }
    var start = 0
    while remaining > 0, let place = find(old, from: start) {
      result += bytes[start..<place]
      result += new.bytes
      start = place + old.bytes.count
      remaining -= 1
    }
    if start == 0 { return self }
    result += bytes[start...]
    return Text(result)
  }

  /// The parts between the places of `separator`, which is not empty, split at most `limit` times.
  func split(by separator: Text, limit: Int = .max) -> [Text] {
    var parts: [Text] = []
    var start = 0
    while parts.count < limit, let place = find(separator, from: start) {
      parts.append(Text(bytes[start..<place]))
      start = place + separator.bytes.count
    }
    parts.append(Text(bytes[start...]))
    return parts
  }

  /// The same from the end.
  func splitFromEnd(by separator: Text, limit: Int = .max) -> [Text] {
    let reversed = [UInt8](bytes.reversed())
    let pattern = [UInt8](separator.bytes.reversed())
    var parts: [Text] = []
    var start = 0
    while parts.count < limit, let place = reversed.firstOffset(of: pattern, from: start) {
      parts.append(Text([UInt8](reversed[start..<place].reversed())))
      start = place + pattern.count
    }
    parts.append(Text([UInt8](reversed[start...].reversed())))
    return parts.reversed()
  }

  /// The parts between runs of white space, split at most `limit` times.
  func splitAtSpace(limit: Int = .max) -> [Text] {
    var parts: [Text] = []
    var rest = strippedStart()
    while !rest.isEmpty, parts.count < limit {
      var end = 0
      while end < rest.count, !PythonCharacters.isSpace(rest, at: end) { end += 1 }
      parts.append(Text(rest[rest.startIndex..<rest.startIndex + end]))
      rest = PythonCharacters.strippedStart(rest.dropFirst(end))
    }
    if !rest.isEmpty { parts.append(Text(rest)) }
    return parts
  }

  /// The same from the end.
  func splitAtSpaceFromEnd(limit: Int = .max) -> [Text] {
    var parts: [Text] = []
    var rest = PythonCharacters.strippedEnd(bytes[...])
    while !rest.isEmpty, parts.count < limit {
      var start = rest.endIndex
      while start > rest.startIndex, PythonCharacters.spaceLength(before: start, in: rest) == 0 {
        start -= 1
        while start > rest.startIndex, rest[start] & 0xC0 == 0x80 { start -= 1 }
      }
      parts.append(Text(rest[start...]))
      rest = PythonCharacters.strippedEnd(rest[..<start])
    }
    if !rest.isEmpty { parts.append(Text(rest)) }
    return parts.reversed()
  }

  private func strippedStart() -> ArraySlice<UInt8> { PythonCharacters.strippedStart(bytes[...]) }

  /// The lines, at Python's line ends.
  func lines(keepingEnds: Bool) -> [Text] {
    var lines: [Text] = []
    var start = 0
    var position = 0
    while position < bytes.count {
      let length = PythonCharacters.lineEndLength(at: position, in: bytes)
      guard length > 0 else {
        position += 1
        continue
      }
      lines.append(Text(bytes[start..<position + (keepingEnds ? length : 0)]))
      position += length
      start = position
    }
    if start < bytes.count { lines.append(Text(bytes[start...])) }
    return lines
  }

  /// Without the code points of `set`, or white space where it is nil, at its ends.
  func stripped(of set: Text? = nil, start: Bool = true, end: Bool = true) -> Text {
    var part = bytes[...]
    if let set {
      let characters = Set(set.characters.map(\.bytes))
      if start {
        while let first = part.first {
          let length = PythonCharacters.length(first)
          guard characters.contains(Array(part.prefix(length))) else { break }
          part = part.dropFirst(length)
        }
      }
      if end {
        while !part.isEmpty {
          var length = 1
          while length < part.count, part[part.endIndex - length] & 0xC0 == 0x80 { length += 1 }
          guard characters.contains(Array(part.suffix(length))) else { break }
          part = part.dropLast(length)
        }
      }
    } else {
      if start { part = PythonCharacters.strippedStart(part) }
      if end { part = PythonCharacters.strippedEnd(part) }
    }
    return part.count == bytes.count ? self : Text(part)
  }
}

extension [UInt8] {
  /// The first place of `pattern` at or after `start`, in linear time.
  func firstOffset(of pattern: [UInt8], from start: Int) -> Int? {
    guard start + pattern.count <= count else { return nil }
    guard let first = pattern.first else { return start }
    return withUnsafeBufferPointer { text in
      pattern.withUnsafeBufferPointer { pattern in
        // Comparing anew at each place is fast while the pattern is short.
        guard pattern.count <= 64 else { return text.longOffset(of: pattern, from: start) }
        var place = start
        while place + pattern.count <= text.count {
          let rest = text.count - pattern.count + 1 - place
          guard let found = memchr(text.baseAddress! + place, Int32(first), rest) else {
            return nil
          }
          place = UnsafeRawPointer(found) - UnsafeRawPointer(text.baseAddress!)
          if memcmp(text.baseAddress! + place, pattern.baseAddress!, pattern.count) == 0 {
            return place
          }
          place += 1
        }
        return nil
      }
    }
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// The same by Knuth, Morris and Pratt (SIAM Journal on Computing 6, 1977): no byte of the text is
  /// looked at again, whatever the pattern.
  fileprivate func longOffset(of pattern: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    // For each prefix of the pattern the length of the longest one that also ends it.
    var borders = [Int](repeating: 0, count: pattern.count)
    var length = 0
    for place in 1..<pattern.count {
      while length > 0, pattern[place] != pattern[length] { length = borders[length - 1] }
      if pattern[place] == pattern[length] { length += 1 }
      borders[place] = length
    }
    length = 0
    for place in start..<count {
      while length > 0, self[place] != pattern[length] { length = borders[length - 1] }
      if self[place] == pattern[length] { length += 1 }
      if length == pattern.count { return place + 1 - length }
    }
    return nil
  }
}
