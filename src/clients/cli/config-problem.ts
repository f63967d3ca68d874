/** A daemon's words about a config that cannot be used, with the file's name in front. */
export function configProblem(problem: string, configFile: string): string {
  return problem.startsWith(configFile) ? problem : `${configFile} cannot be used: ${problem}`;
}
