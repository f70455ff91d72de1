import Kernels

/// What rank 0 says to all ranks in every step of an `AnswerLoop`, in one broadcast of one length.
struct StepMessage: ~Copyable {
  enum Verdict: UInt8, BitwiseCopyable {
    case goOn
    /// All that is not done is given up, as rank 0 was told to.
    case stop
    /// The same, because a listener on rank 0 threw an error.
    case fail
  }

  struct Header: BitwiseCopyable {
    var verdict: Verdict
    /// How many questions come right behind this message, and how many tokens their prompts have.
    var questions: Int
    var promptTokens: Int
  }

  /// Of an answer whose next token can be chosen.
  struct Choice: BitwiseCopyable {
    var token: Int32
    /// Nil where the answer goes on.
    var end: Generation.End?
  }

  // [Header], [branches][Choice]
  private let memory: AlignedBuffer<UInt8>
  let header: UnsafeMutablePointer<Header>
  let choices: UnsafeMutablePointer<Choice>

  init(branches: Int) {
    let headerBytes = MemoryLayout<Header>.stride
    memory = AlignedBuffer(count: headerBytes + branches * MemoryLayout<Choice>.stride)
    let start = UnsafeMutableRawPointer(memory.pointer)
    header = start.bindMemory(to: Header.self, capacity: 1)
    choices = (start + headerBytes).bindMemory(to: Choice.self, capacity: branches)
  }

  var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(memory.elements) }
}
