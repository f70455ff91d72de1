import Files
import Foundation
import Ranks
import SystemPackage

/// A plan as two panels by gnuplot, as `launch/scaling` draws what was measured: where the time of a
/// prefill goes, and a token's time.
struct PlanPlot {
  let title: String
  let lines: [PlanReport.Line]

  private static let terminals = [
    "svg": #"svg size 1000,460 font "Helvetica,14" background "white" linewidth 1.4"#,
    "png": #"pngcairo size 2000,920 font "Sans,14" fontscale 1.75 linewidth 2.6"#,
  ]

  /// gnuplot's terminal for a file of that name; nil where it is neither SVG nor PNG.
  static func terminal(ofFile path: String) -> String? {
    FilePath(text: path).extension.flatMap { terminals[$0] }
  }

  /// - Throws: 69 where there is no gnuplot, 74 where it cannot draw.
  func draw(to path: String) throws(Failure) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gnuplot"]
    let (script, errors) = (Pipe(), Pipe())
    process.standardInput = script
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    do {
      try process.run()
      try script.fileHandleForWriting.write(contentsOf: Data(self.script(path).utf8))
      try script.fileHandleForWriting.close()
    } catch {
      throw Failure(.unavailable, "--plot needs gnuplot, which cannot be started: \(error)")
    }
    let message = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    switch process.terminationStatus {
    case 0: return
    // What `env` says of a program that is not there.
    case 127: throw Failure(.unavailable, "--plot needs gnuplot; install it, or leave out --plot")
    default:
      let reason = message.split(separator: "\n").last.map { ": \($0)" } ?? ""
      throw Failure(.inputOutput, "gnuplot cannot draw the plot '\(path)'\(reason)")
    }
  }

  /// Seconds lie on each other: linear layers, then attention, then what is waited for.
  func script(_ path: String) -> String {
    let points = lines.map { line in
      let prefill = line.prefill
      return [
        Double(line.cluster.hosts), prefill.linear, prefill.linear + prefill.attention,
        prefill.seconds, line.token.seconds * 1000,
      ].map { String(format: "%.6g", $0) }.joined(separator: " ")
    }
    let hosts = lines.map(\.cluster.hosts)
    let tics = hosts.map(String.init).joined(separator: ", ")
    return """
      $plan << END
      \(points.joined(separator: "\n"))
      END
      set terminal \(Self.terminal(ofFile: path) ?? "svg")
      set output \(Self.quoted(path))
      set multiplot layout 1,2 title \(Self.quoted(title)) noenhanced font ',15'
      set border 3 lw 0.8; set tics nomirror out scale 0.6; set grid lw 0.5 lc rgb '#d8d8d8'
      set key bmargin center horizontal Left reverse maxrows 1 width 1 samplen 2 font ',12.5'
      set bmargin 6; set logscale xy 2; set format y '%g'
      set xrange [\(Double(hosts.first!) / 1.12):\(Double(hosts.last!) * 1.12)]
      set xtics (\(tics)); set xlabel 'hosts'; set ylabel 'prefill (s)'
      plot $plan using 1:4 title 'prefill' with linespoints lw 2 pt 7 lc rgb '#1f5fa8', \\
        $plan using 1:3 title 'computed' with lines lw 1.8 dt 3 lc rgb '#d9691a', \\
        $plan using 1:2 title 'linear layers' with lines lw 1.4 dt 2 lc rgb '#808080'
      set ylabel 'a token (ms)'
      plot $plan using 1:5 title 'a token' with linespoints lw 2 pt 7 lc rgb '#3b8a4e'
      unset multiplot; unset output

      """
  }

  /// A string of gnuplot, in which a backslash begins an escape.
  private static func quoted(_ text: String) -> String {
    let escaped = text.replacingOccurrences(of: "\\", with: "\\\\")
      .replacingOccurrences(of: "\"", with: "\\\"").replacingOccurrences(of: "\n", with: "\\n")
    return "\"\(escaped)\""
  }
}
