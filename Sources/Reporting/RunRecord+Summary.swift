import Foundation

extension RunRecord {
  /// The closing text of a run for a person; its lines end with a newline each. For example
  ///
  ///     ringflash 0.1.0: needle, bf16, avx512bf16, zigzag, 8 ranks of 1 thread on 1 host
  ///       load          4.2 ms
  ///       tokenize     12.0 ms
  ///       prefill      12.50 s   100000 tokens   8000 tokens/s
  public func summary() -> String {
    let (tokens, questions) = (answer.tokens, answer.questions)
    let exposed = seconds.prefill > 0 ? seconds.exposedExchange / seconds.prefill * 100 : 0
    let secondsPerToken = tokens.generated > 0 ? seconds.decode / Double(tokens.generated) : 0
    let context = formatCount(tokens.context, "token")
    var lines = [
      "ringflash \(program.version): \(model.name), \(job.precision), \(job.instructionSet), "
        + "\(job.partition), \(formatCount(job.ranks, "rank")) of "
        + "\(formatCount(job.threads, "thread")) on \(formatCount(job.hosts.count, "host"))",
      line("load", formatSeconds(seconds.load)),
      line("tokenize", formatSeconds(seconds.tokenize)),
    ]
    // Of a context that was saved whole, nothing is prefilled.
    let isPrefilled = model.restoredLayers < model.layers
    if seconds.restore > 0 {
      lines.append(
        line(
          "restore", formatSeconds(seconds.restore),
          isPrefilled && model.restoredTokens > 0
            ? formatCount(model.restoredTokens, "token") : context,
          model.restoredLayers > 0 || model.restoredTokens == 0
            ? "\(model.restoredLayers) of \(model.layers) layers" : "all layers"))
    }
    if isPrefilled {
      lines += [
        line(
          "prefill", formatSeconds(seconds.prefill),
          formatCount(tokens.context - model.restoredTokens, "token"),
          "\(formatRate(tokensPerSecond.prefill)) tokens/s"),
        line("", "", "attention", "\(formatRate(work.gflops.attention)) GFLOP/s"),
        line("", "", "linear", "\(formatRate(work.gflops.linear)) GFLOP/s"),
      ]
    }
    if seconds.save > 0 { lines.append(line("save", formatSeconds(seconds.save))) }
    if tokens.prompt > 0 && questions.asked == 0 {
      lines.append(
        line("prompt", formatSeconds(seconds.prompt), formatCount(tokens.prompt, "token")))
    }
    lines.append(
      line(
        "decode", formatSeconds(seconds.decode), formatCount(tokens.generated, "token"),
        "\(formatRate(tokensPerSecond.decode)) tokens/s",
        String(format: "%.1f ms/token", secondsPerToken * 1e3)))
    if questions.asked > 0 {
      lines.append(
        line("answers", "\(questions.answered)", formatCount(tokens.prompt, "token"))
          + " of \(formatCount(questions.asked, "question")), "
          + "\(questions.answeredBefore) answered before")
    }
    if isPrefilled {
      lines.append(
        line("exchange", formatSeconds(seconds.exposedExchange))
          + String(format: "   exposed, %.1f %% of the prefill", exposed))
    }
    if isPrefilled, job.dividesWeights {
      lines.append(
        line("weights", formatSeconds(seconds.exposedWeights)) + "   exposed, passed by the hosts")
    }
    lines += [
      range("sent", perRank.bytesSent), range("KV cache", perRank.keyValueBytes),
      range("memory", perRank.peakResidentBytes) + " at its peak",
    ]
    if isPrefilled {
      lines.append(
        line("balance", String(format: "%.3f", work.balance))
          + "   mean over maximum of the ranks' attention work")
    }
    if isPrefilled, !work.expertTokens.isEmpty {
      lines.append(
        line("experts", String(format: "%.3f", work.expertTokens.balance))
          + "   mean over maximum of the tokens of a layer's experts")
    }
    lines.append("  digest    \(answer.logitsDigest)")
    return lines.map { $0 + "\n" }.joined()
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
