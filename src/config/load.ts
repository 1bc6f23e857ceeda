/** Reads a configuration file and either returns the whole configuration or every fault in it. */
import { existsSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { crossCheck } from './check.ts';
import { draftOf } from './draft.ts';
import { issueFaults, type Fault, type Path } from './faults.ts';
import { configSchema, type Config } from './schema.ts';

export type Loaded =
  { readonly config: Config; readonly faults?: never } | { readonly faults: readonly Fault[]; readonly config?: never };

/** A configuration of some thousand users stays well below this. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Aliases are resolved at most so often: a few lines of nested aliases could otherwise fill the memory. */
const MAX_ALIASES = 100;
/** After some faults of syntax the rest is a consequence of them. */
const MAX_SYNTAX_FAULTS = 10;

const BUILT_IN_PROFILES = [
  'generic',
  'yealink',
  'polycom',
  'snom',
  'grandstream',
  'cisco',
  'aastra',
  'rfc5373',
  'none',
] as const;

/** The names that `phone.profile` may have: the built-in ones and every file in config/phones. */
export function phoneProfiles(): ReadonlySet<string> {
  const folder = fileURLToPath(new URL('../../config/phones/', import.meta.url));
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const names = files.flatMap((name) => /^([A-Za-z0-9_.-]+)\.(ya?ml|json)$/.exec(name)?.[1] ?? []);
  return new Set([...BUILT_IN_PROFILES, ...names]);
}

/** Never throws for a fault of the file: it is missing, unreadable, too large, not YAML, or says something wrong. */
export async function loadConfig(path: string): Promise<Loaded> {
  let text: string;
  try {
    text = await readLimited(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/, \w+( '.*')?$/, '') : String(error);
    return { faults: [{ path: [], problem: `cannot be read (${reason})`, expected: 'a readable YAML or JSON file' }] };
  }
  return parseConfig(text);
}

async function readLimited(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw new Error('it is a folder');
    if (stat.size > MAX_BYTES) throw new Error(`${stat.size} bytes are more than the limit of ${MAX_BYTES}`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** The same for text that is at hand. JSON is YAML too. */
export function parseConfig(text: string): Loaded {
  if (text.length > MAX_BYTES) {
    return { faults: [{ path: [], problem: 'is too large', expected: `at most ${MAX_BYTES} bytes` }] };
  }
  const lines = new LineCounter();
  let document: Document;
  let raw: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, version: '1.2' });
    const problems = [...document.errors, ...document.warnings];
    if (problems.length > 0) {
      return {
        faults: problems.slice(0, MAX_SYNTAX_FAULTS).map((problem) => ({
          ...position(lines, problem.pos[0]),
          path: [],
          problem: `is not valid YAML: ${oneLine(problem.message)}`,
          expected: 'YAML 1.2 or JSON',
        })),
      };
    }
    raw = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    // Too many aliases, or nesting deeper than the parser's stack.
    const reason = error instanceof Error ? oneLine(error.message) : String(error);
    return { faults: [{ path: [], problem: `is not valid YAML: ${reason}`, expected: 'YAML 1.2 or JSON' }] };
  }
  // An empty file, or one of comments only, means: all defaults.
  const root: unknown = raw ?? {};
  const result = configSchema.safeParse(root);
  const shape = result.success ? [] : result.error.issues.flatMap((issue) => issueFaults(issue, root));
  const faults = [...shape, ...crossCheck(draftOf(root), phoneProfiles())];
  if (faults.length === 0 && result.success) return { config: result.data };
  const placed = faults.map((fault) => ({ ...fault, ...place(document, lines, fault.path) }));
  return { faults: placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)) };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function position(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** Line and column of the node at a path; of the nearest enclosing one where the field is missing. */
function place(document: Document, lines: LineCounter, path: Path): { line?: number; column?: number } {
  for (let length = path.length; length > 0; length--) {
    const offset = offsetOf(document, path.slice(0, length));
    if (offset !== null) return position(lines, offset);
  }
  return {};
}

/** Where the key of a field, or the entry of a list, begins. */
function offsetOf(document: Document, path: Path): number | null {
  const key = path.at(-1);
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key);
    if (pair !== undefined && isScalar(pair.key)) return pair.key.range?.[0] ?? null;
    return null;
  }
  const node: unknown = document.getIn(path, true);
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : null;
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : null;
}
