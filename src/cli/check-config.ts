/** `earshot check-config FILE`: one line per fault. Exit status 0 valid, 2 faulty. */
import { faultLine } from '../config/faults.ts';
import { loadConfig } from '../config/load.ts';

export interface Output {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

export async function checkConfig(file: string, output: Output): Promise<number> {
  const { faults } = await loadConfig(file);
  if (faults === undefined) {
    output.out(`${file}: valid`);
    return 0;
  }
  for (const fault of faults) output.err(faultLine(file, fault));
  return 2;
}
