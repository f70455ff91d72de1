/// How the process ends when it fails, after `sysexits.h`; 0 is success.
public enum ExitCode: Int32, Codable, Sendable, CaseIterable {
  /// Wrong usage; an option's value out of range included.
  case usage = 64
  /// A model, tokenizer, YAML or context that is empty, malformed, not UTF-8 or not supported.
  case badData = 65
  /// A file that is not there or is not a file.
  case noInput = 66
  /// The job cannot run here: memory, instruction set, ranks that disagree.
  case unavailable = 69
  /// An error in ringflash itself.
  case internalError = 70
  /// Reading or writing failed.
  case inputOutput = 74
  /// Interrupted; the job can be resumed.
  case interrupted = 75
}
