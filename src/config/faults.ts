/** Faults of a configuration file: where, what is wrong, what is expected. Never the value of a secret. */
import type { z } from 'zod';

export type Path = readonly (string | number)[];

export interface Fault {
  /** Path in the file; empty for the file as a whole. */
  readonly path: Path;
  readonly problem: string;
  readonly expected: string;
  /** From 1; absent where the place in the text is not known. */
  readonly line?: number;
  readonly column?: number;
}

const SECRET = new Set(['password', 'token', 'secret', 'sha256']);

/** `users[1].extension`; the file itself is `(file)`. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`;
  }
  return text === '' ? '(file)' : text;
}

/** One line: `earshot.yaml:12:5 users[1].extension: "10x" is not valid; expected digits`. */
export function faultLine(file: string, fault: Fault): string {
  const place = fault.line === undefined ? file : `${file}:${fault.line}:${fault.column ?? 1}`;
  return `${place} ${pathText(fault.path)}: ${fault.problem}; expected ${fault.expected}`;
}

/** A value as it may be shown: short, on one line, nothing of a secret. */
export function shown(value: unknown, path: Path): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (path.some((step) => typeof step === 'string' && SECRET.has(step))) return 'the value';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a text (in quotes if it looks like a number)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of fields',
  tuple: 'a list',
};

/** The faults of one zod issue; several unknown fields become several faults. `root` is what was validated. */
export function issueFaults(issue: z.core.$ZodIssue, root: unknown): Fault[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  const value = at(root, path);
  const invalid = value === undefined ? 'is missing' : `${shown(value, path)} is not valid`;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        problem: 'is not a known field',
        expected: 'one of the fields that the schema names',
      }));
    case 'invalid_type':
      return [{ path, problem: invalid, expected: TYPE_NAMES[issue.expected] ?? issue.expected }];
    case 'invalid_value':
      return [{ path, problem: invalid, expected: `one of ${issue.values.map(String).join(', ')}` }];
    case 'too_small':
      return [{ path, problem: invalid, expected: bound(issue.origin, issue.minimum, 'at least', issue.inclusive) }];
    case 'too_big':
      return [{ path, problem: invalid, expected: bound(issue.origin, issue.maximum, 'at most', issue.inclusive) }];
    default:
      return [{ path, problem: invalid, expected: issue.message }];
  }
}

function bound(origin: string, limit: number | bigint, word: string, inclusive = true): string {
  if (origin === 'string') return `${word} ${limit} character${limit === 1 ? '' : 's'}`;
  if (origin === 'array') return `${word} ${limit} entr${limit === 1 ? 'y' : 'ies'}`;
  if (!inclusive) return `a number ${word === 'at least' ? 'above' : 'below'} ${limit}`;
  return `a number of ${word} ${limit}`;
}

/** The value at a path, undefined where there is none. */
export function at(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.hasOwn(value, step) ? (value as Record<string | number, unknown>)[step] : undefined;
  }
  return value;
}
