// `ringflash-fuzz TARGET OPTION…` runs one target under libFuzzer with these options;
// `ringflash-fuzz --list` names all; `ringflash-fuzz --seeds TARGET FOLDER` writes the target's seeds
// into a folder, and its dictionary beside it as FOLDER.dict. `launch/fuzz` is what people use.

import CLibFuzzer
import Foundation

var arguments = Swift.CommandLine.arguments
switch arguments.dropFirst().first {
case "--list":
  print(FuzzTarget.all.map(\.name).joined(separator: "\n"))
case "--seeds" where arguments.count == 4:
  try FuzzTarget.named(arguments[2]).writeSeeds(to: arguments[3])
case let name? where !name.hasPrefix("-"):
  FuzzTarget.current = FuzzTarget.named(name)
  arguments.remove(at: 1)
  let strings = arguments.map { strdup($0) } + [nil]
  exit(
    strings.withUnsafeBufferPointer { strings in
      var count = Int32(strings.count - 1)
      var values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? =
        UnsafeMutablePointer(mutating: strings.baseAddress)
      return LLVMFuzzerRunDriver(&count, &values) { data, size in
        FuzzTarget.current.run(UnsafeRawBufferPointer(start: data, count: size))
        return 0
      }
    })
default:
  print("usage: ringflash-fuzz TARGET OPTION… | --list | --seeds TARGET FOLDER")
  exit(64)
}
