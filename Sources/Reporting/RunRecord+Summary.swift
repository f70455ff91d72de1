import Foundation

extension RunRecord {
  /// The closing text of a run for a person; its lines end with a newline each. For example
  ///
  ///     ringflash 0.1.0: needle, bf16, avx512bf16, zigzag, 8 ranks of 1 thread on 1 host
  ///       load          4.2 ms
  ///       tokenize     12.0 ms
  ///       prefill      12.50 s   100000 tokens   8000 tokens/s
  public func summary() -> String {
    let exposed = seconds.prefill > 0 ? seconds.exposedExchange / seconds.prefill * 100 : 0
    let secondsPerToken = tokens.generated > 0 ? seconds.decode / Double(tokens.generated) : 0
    let answers =
      questions.asked > 0
      ? line("answers", "\(questions.answered)", formatCount(tokens.prompt, "token"))
        + " of \(formatCount(questions.asked, "question")), "
        + "\(questions.answeredBefore) answered before" : nil
    let lines: [String?] = [
      "ringflash \(version): \(model), \(precision), \(instructionSet), \(partition), "
        + "\(formatCount(ranks, "rank")) of \(formatCount(threads, "thread")) "
        + "on \(formatCount(hosts.count, "host"))",
      line("load", formatSeconds(seconds.load)),
      line("tokenize", formatSeconds(seconds.tokenize)),
      seconds.restore > 0 ? line("restore", formatSeconds(seconds.restore)) : nil,
      line(
        "prefill", formatSeconds(seconds.prefill),
        formatCount(tokens.context, "token"),
        "\(formatRate(tokensPerSecond.prefill)) tokens/s"),
      line("", "", "attention", "\(formatRate(gflops.attention)) GFLOP/s"),
      line("", "", "linear", "\(formatRate(gflops.linear)) GFLOP/s"),
      seconds.save > 0 ? line("save", formatSeconds(seconds.save)) : nil,
      tokens.prompt > 0 && questions.asked == 0
        ? line("prompt", formatSeconds(seconds.prompt), formatCount(tokens.prompt, "token")) : nil,
      line(
        "decode", formatSeconds(seconds.decode), formatCount(tokens.generated, "token"),
        "\(formatRate(tokensPerSecond.decode)) tokens/s",
        String(format: "%.1f ms/token", secondsPerToken * 1e3)),
      answers,
      line("exchange", formatSeconds(seconds.exposedExchange))
        + String(format: "   exposed, %.1f %% of the prefill", exposed),
      range("sent", bytesSent),
      range("KV cache", keyValueBytes),
      range("memory", peakResidentBytes) + " at its peak",
      line("balance", String(format: "%.3f", balance))
        + "   mean over maximum of the ranks' attention work",
      "  digest    \(logitsDigest)",
    ]
    return lines.compactMap { $0.map { $0 + "\n" } }.joined()
  }

  /// A label at the left, then columns flush right.
  private func line(_ label: String, _ value: String, _ columns: String...) -> String {
    "  " + label.padding(toLength: 8, withPad: " ", startingAt: 0) + flushRight(value, width: 11)
      + columns.map { flushRight($0, width: 16) }.joined()
  }

  /// The least and, where it reads otherwise, the most of what the ranks have.
  private func range(_ label: String, _ bytes: [Int]) -> String {
    let least = formatBytes(bytes.min() ?? 0)
    let most = formatBytes(bytes.max() ?? 0)
    return line(label, least) + (least == most ? "   a rank" : "   to \(most) a rank")
  }

  private func flushRight(_ text: String, width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
