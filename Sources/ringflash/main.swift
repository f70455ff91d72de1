import Foundation

restartWithSuitedOpenBLAS()
exit(Program.run(Array(CommandLine.arguments.dropFirst())))
