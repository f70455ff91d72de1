import Foundation

do {
  switch CommandLineParser.parse(Array(CommandLine.arguments.dropFirst())) {
  case .success(.haystack(let command)):
    try command.execute()
  case .success(.generate(let flags)):
    _ = try GenerateSettings.resolve(flags)
    throw Failure(.unavailable, "this build can only write haystacks")
  case .success:
    throw Failure(.unavailable, "this build can only write haystacks")
  case .failure(.text(let text)):
    print(text, terminator: "")
  case .failure(.failure(let failure)):
    throw failure
  }
} catch let failure as Failure {
  FileHandle.standardError.write(Data((failure.message + "\n").utf8))
  exit(failure.exitCode.rawValue)
}
