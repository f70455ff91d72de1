import Foundation
import Inference
import Kernels
import Planning
import Ranks
import Reporting
import RingAttention
import Transformer

/// `plan`: a line for each number of hosts, and sentences on what bounds them.
struct PlanReport {
  private let command: PlanCommand
  private let name: String
  private let planner: Planner
  private let memory: HostMemory
  private let warnings: [String]

  /// What is predicted for one number of hosts.
  struct Line {
    let cluster: Cluster
    let prefill: PrefillTime
    let token: TokenTime
    let need: HostMemory.Need
    let efficiency: Double
  }

  /// Nothing of it runs on ranks: one is enough.
  ///
  /// - Throws: `Failure`, `FileError`, `ModelError`.
  static func run(_ command: PlanCommand) throws {
    let report = try PlanReport(command)
    let lines = try command.series.map(report.line)
    var text = Table(rows: lines.map(report.cells)).rendered(as: command.format)
    if command.format == .markdown {
      text += "\n" + report.sentences(lines).map { $0 + "\n" }.joined()
    }
    if let plot = command.plot {
      try PlanPlot(title: report.title, lines: lines).draw(to: plot)
    }
    try StandardOutput.write(text)
  }

  private init(_ command: PlanCommand) throws {
    self.command = command
    let given = try command.machine.map(MachineFile.machine)
    let outlined = try OutlinedModel(
      ModelSource(command.model).located(), precision: command.types.precision,
      weights: { try $0.tensorPresence() == .all ? .files : .none })
    let outline = outlined.outline
    let environment = ProcessInfo.processInfo.environment
    let cores = given?.cores ?? HostResources.allowedCores().count
    let arithmetic = Arithmetic(
      try command.types.numerics(), instructionSet: try .selected(environment: environment),
      team: ThreadTeam(threads: max(1, min(Self.mostThreads, cores / command.ranks))))
    var machine = given ?? .measured(arithmetic)
    if let link = command.link { machine.link.gigabitsPerSecond = link }
    if let latency = command.latency { machine.link.latencyMicroseconds = latency }
    let shapes = try outline.weights.shapes(for: outline.configuration)
    planner = Planner(
      Workload(shapes, arithmetic, tokens: command.tokens, answers: command.answers),
      on: machine, ranksPerHost: command.ranks,
      scheme: Self.scheme(keepsRests: arithmetic.keepsRests))
    memory = HostMemory(
      outline: outline, arithmetic: arithmetic,
      sequence: SequenceDescription(
        partition: .zigzag, contextTokens: command.tokens, maximumAppended: command.maxTokens,
        branches: command.answers),
      availableBytes: machine.memoryBytes.isFinite ? Int(machine.memoryBytes) : nil)
    name = outline.name
    warnings =
      outline.warnings
      + [outline.warning(sequenceTokens: command.tokens + command.maxTokens)].compactMap(\.self)
  }

  /// What the program chooses.
  private static func scheme(keepsRests: Bool) -> StepScheme {
    var scheme = StepScheme { groups in
      let group = groups.linear[0]
      let bytes = groups.bytes(group)
      return groups.hosts == 1
        ? DividedLinear.isWorthDividingOnHost(bytes: bytes, ranks: groups.ranks)
        : DividedLinear.isWorthDividingAmongHosts(
          bytes: bytes, hosts: groups.hosts, ranks: groups.hosts * groups.ranks,
          exchangeSeconds: HostLink.secondsOfGathering(bytes: 4 * group.outputs * groups.answers))
    }
    scheme.isFasterByColumns = { groups in
      let last = groups.linear.last!
      func layer(_ group: Workload.LinearWeights) -> ChainedLayers.Layer {
        (groups.bytes(group), group.outputs)
      }
      let layers = ChainedLayers(
        groups.linear.dropLast().last.map(layer), last: layer(last), rows: groups.answers,
        stateElements: groups.followAttention ? last.inputs : 0)
      return layers.isFasterByColumns(
        of: units(groups), hosts: groups.hosts, ranksOfHost: groups.ranks, keepsRests: keepsRests)
    }
    scheme.share = { groups in
      let units = units(groups)
      return groups.linear[0].experts == nil
        ? (1 / Double(groups.hosts), 1)
        : (units.largestPart(hosts: groups.hosts), units.layersInParts(hosts: groups.hosts))
    }
    return scheme
  }

  /// What the last of some groups is a sum of.
  private static func units(_ groups: DividedGroups) -> SumUnits {
    let last = groups.linear.last!
    guard let experts = last.experts else { return SumUnits(InputChunks(of: last.inputs)) }
    return SumUnits(
      InputChunks(of: experts.inputs), layers: groups.chosenExperts(last),
      common: experts.commonInputs == 0 ? nil : InputChunks(of: experts.commonInputs))
  }

  /// As many as a rank can have.
  private static let mostThreads = 1024

  private func line(hosts: Int) throws -> Line {
    let need = try memory.need(
      hosts: hosts, ranksPerHost: command.ranks, command.divideWeights)
    let cluster = planner.cluster(hosts: hosts, dividesWeights: need.dividesWeights)
    return Line(
      cluster: cluster, prefill: planner.prefill(cluster), token: planner.token(cluster),
      need: need, efficiency: planner.efficiency(cluster))
  }

  private func cells(_ line: Line) -> [Table.Cell] {
    let (prefill, token) = (line.prefill, line.token)
    // What is the same in all lines is for programs only.
    let identity: [Table.Cell] =
      command.format == .markdown
      ? []
      : [
        .text("model", name), .text("machine", planner.machine.name),
        .integer("tokens", command.tokens), .integer("ranks_per_host", command.ranks),
        .integer("answers", command.answers),
      ]
    let isExact = command.format != .markdown
    func size(_ bytes: Int) -> Table.Cell {
      isExact
        ? .integer("memory_bytes", bytes)
        : .decimal("memory", Double(bytes) / 1e9, digits: 1, unit: "GB")
    }
    return identity + [
      .integer("hosts", line.cluster.hosts),
      .text("weights", line.cluster.dividesWeights ? "divided" : "whole"),
      .decimal("prefill", prefill.seconds, digits: 2, unit: "s"),
      .decimal("linear", prefill.linear, digits: 2, unit: "s"),
      .decimal("attention", prefill.attention, digits: 2, unit: "s"),
      .decimal(
        "exposed_kv", prefill.exposedKeysAndValues + prefill.exposedLatency, digits: 2, unit: "s"),
      .decimal("exposed_weights", prefill.exposedWeights, digits: 2, unit: "s"),
      .decimal("efficiency", line.efficiency, digits: 2),
      .text("prefill_bound", prefill.bound.rawValue),
      .decimal("token", token.seconds * 1000, digits: 2, unit: "ms"),
      .text("token_bound", token.bound.rawValue),
      size(line.need.bytes), .text("fits", line.need.fits ? "yes" : "no"),
      .integer("kv_hidden_from", planner.tokensThatHideKeysAndValues(line.cluster)),
      .integer("weights_hidden_from", planner.tokensThatHideWeights(line.cluster)),
    ]
  }

  // MARK: - Sentences

  private var title: String {
    "\(name), \(command.tokens) tokens, on hosts of \(planner.machine.name)"
  }

  private func sentences(_ lines: [Line]) -> [String] {
    let machine = planner.machine
    let link = String(
      format: "%g Gbit/s and %g µs between hosts", machine.link.gigabitsPerSecond,
      machine.link.latencyMicroseconds)
    let memory =
      machine.memoryBytes.isFinite ? "\(decimalSize(Int(machine.memoryBytes)))" : "unknown memory"
    let divides = lines.last!.cluster.dividesWeights
    return [
      "\(title): \(machine.cores) core\(machine.cores == 1 ? "" : "s"), \(memory), \(link).",
      fewest(lines),
      end("The prefill", planner.lastUsefulHosts(dividesWeights: divides)),
      end("A token", planner.lastUsefulHostsOfToken(dividesWeights: divides)),
    ] + warnings.map { "Warning: \($0)." }
  }

  private func fewest(_ lines: [Line]) -> String {
    guard let first = lines.first(where: \.need.fits) else {
      return "It fits on none of these numbers of hosts: give more --hosts or other ones."
    }
    return "It fits from \(first.cluster.hosts) host\(first.cluster.hosts == 1 ? "" : "s") on."
  }

  private func end(_ what: String, _ last: (hosts: Int, bound: Bound)?) -> String {
    guard let last else { return "\(what) gets faster with every host up to a million." }
    return """
      \(what) stops getting faster at some \(last.hosts) host\(last.hosts == 1 ? "" : "s"): twice as \
      many are less than 1.2 times as fast, bound by \(last.bound.rawValue).
      """
  }
}
