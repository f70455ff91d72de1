/// Shows how far a run is, one phase after another; for the rank that talks to the user.
///
/// On a terminal it redraws one line at most 10 times a second and erases it when the phase ends.
/// Elsewhere it writes a plain line at most every 5 seconds, and one at the end of each phase.
/// Calls may come as often as is convenient: what is not due costs a look at the clock.
public final class ProgressDisplay {
  /// Where the lines go.
  public enum Style {
    /// Nowhere.
    case silent
    /// To a terminal; `width` is asked each time a line is drawn, since windows are resized.
    case terminal(width: () -> Int)
    /// To a file or a pipe.
    case log

    /// What suits the standard error stream of this process.
    public static var standardError: Style {
      guard let width = StandardError.terminalWidth() else { return .log }
      return .terminal(width: { StandardError.terminalWidth() ?? width })
    }
  }

  private let style: Style
  private let now: () -> Double
  private let write: (String) -> Void
  private var phase: ProgressPhase?
  private var startSeconds = 0.0
  private var lastSeconds = 0.0
  private var isDrawn = false

  /// - Parameters:
  ///   - style: where the lines go.
  ///   - now: a monotonic clock, in seconds.
  ///   - write: takes what is to be shown.
  public init(
    style: Style, now: @escaping () -> Double = monotonicSeconds,
    write: @escaping (String) -> Void = StandardError.write
  ) {
    self.style = style
    self.now = now
    self.write = write
  }

  /// Begins a phase of `total` units that computes `tokens` tokens, and ends the one before.
  public func begin(_ name: String, unit: String, total: Int, tokens: Int) {
    end()
    phase = ProgressPhase(name: name, unit: unit, total: total, tokens: tokens)
    startSeconds = now()
    lastSeconds = startSeconds
    if case .terminal = style { draw() }
  }

  /// Reports that `completed` units are done, with a fraction for the one under way.
  ///
  /// - Parameter tokens: those so far, where they are counted.
  public func update(completed: Double, tokens: Int? = nil) {
    guard phase != nil else { return }
    phase?.completed = completed
    phase?.countedTokens = tokens
    switch style {
    case .silent: break
    case .terminal: if now() - lastSeconds >= 0.1 { draw() }
    case .log: if now() - lastSeconds >= 5 { draw() }
    }
  }

  /// Ends the phase: erases its line, or writes its closing line. Without a phase, does nothing.
  public func end() {
    guard phase != nil else { return }
    phase?.elapsedSeconds = now() - startSeconds
    if case .log = style, let phase { write(phase.closingLine + "\n") }
    erase()
    phase = nil
  }

  /// Writes a line that stays, between those of the phase.
  public func note(_ text: String) {
    if case .silent = style { return }
    erase()
    write(text + "\n")
  }

  /// Takes the line off the terminal, so that a message can be written; it returns when next due.
  public func erase() {
    guard isDrawn else { return }
    write("\r\u{1B}[K")
    isDrawn = false
  }

  private func draw() {
    lastSeconds = now()
    phase?.elapsedSeconds = lastSeconds - startSeconds
    guard let phase else { return }
    switch style {
    case .silent: break
    case .terminal(let width):
      // Carriage return, the line, and "erase to the end of the line" for a longer one before it.
      write("\r\(phase.terminalLine(width: width()))\u{1B}[K")
      isDrawn = true
    case .log: write(phase.logLine + "\n")
    }
  }
}

/// Seconds on a clock that never goes back; only differences have a meaning.
public func monotonicSeconds() -> Double {
  (ContinuousClock.now - monotonicOrigin) / .seconds(1)
}

private let monotonicOrigin = ContinuousClock.now
