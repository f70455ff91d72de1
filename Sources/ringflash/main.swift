import CommandLine
import Foundation

restartWithSuitedOpenBLAS()
exit(Program.run(Array(Swift.CommandLine.arguments.dropFirst())))
