import { readFileSync } from 'node:fs';

/** Of package.json. */
export const version = versionOf(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

function versionOf(text: string): string {
  const json: unknown = JSON.parse(text);
  const named = typeof json === 'object' && json !== null && 'version' in json ? json.version : undefined;
  return typeof named === 'string' ? named : '0.0.0';
}
