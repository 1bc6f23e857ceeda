/** Character classes and the small scanners that all header parsers share. Each is linear and takes one pass. */
import { SipParseError, excerpt } from './errors.ts';
import type { Param, Params } from './types.ts';

const SP = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const COMMA = 0x2c;
const LESS = 0x3c;
const GREATER = 0x3e;

const TOKEN = new Uint8Array(128);
for (const c of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~") TOKEN[c.charCodeAt(0)] = 1;

/** RFC 3261 25.1 `token`. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i++) if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  return true;
}

export function isLws(code: number): boolean {
  return code === SP || code === TAB;
}

export function skipLws(text: string, from: number): number {
  let i = from;
  while (i < text.length && isLws(text.charCodeAt(i))) i++;
  return i;
}

/** Without the blanks at both ends. `String.trim` would also take U+FEFF, which is content (RFC 4475 intmeth). */
export function trimLws(text: string): string {
  return trimLwsEnd(text.slice(skipLws(text, 0)));
}

export function trimLwsEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isLws(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}

/** Index behind the closing quote of the quoted string that begins at `from`, or -1 if it never ends. */
export function quotedEnd(text: string, from: number): number {
  for (let i = from + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) return i + 1;
  }
  return -1;
}

/** The text of a quoted string; anything else unchanged. */
export function unquote(text: string): string {
  if (text.length < 2 || text.charCodeAt(0) !== QUOTE || text.charCodeAt(text.length - 1) !== QUOTE) return text;
  const inner = text.slice(1, -1);
  return inner.includes('\\') ? inner.replace(/\\([^])/g, '$1') : inner;
}

/** As a quoted string. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Digits only, at most `max`; undefined otherwise. Never wraps round (RFC 4475 scalar02). */
export function parseUint(text: string, max: number): number | undefined {
  if (text.length === 0) return undefined;
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    const d = text.charCodeAt(i) - 0x30;
    if (d < 0 || d > 9) return undefined;
    n = n * 10 + d;
    if (n > max) return undefined;
  }
  return n;
}

/**
 * The values of a comma-separated field, blanks trimmed and empty ones left out. A comma within quotes or angle
 * brackets separates nothing. Never throws: what an open quote or bracket swallows comes as one value, which then
 * fails in its own parser.
 */
export function splitList(text: string): string[] {
  if (!text.includes(',')) {
    const only = trimLws(text);
    return only === '' ? [] : [only];
  }
  const values: string[] = [];
  let start = 0;
  let inAngle = false;
  const take = (end: number): void => {
    const value = trimLws(text.slice(start, end));
    if (value !== '') values.push(value);
    start = end + 1;
  };
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE && !inAngle) {
      const end = quotedEnd(text, i);
      if (end < 0) break;
      i = end - 1;
    } else if (c === LESS) inAngle = true;
    else if (c === GREATER) inAngle = false;
    else if (c === COMMA && !inAngle) take(i);
  }
  take(text.length);
  return values;
}

/**
 * `*( SEMI generic-param )` from `from` to the end of the text, blanks allowed everywhere (RFC 3261 25.1).
 * Throws `bad_params`; an empty parameter is a fault (RFC 4475 badinv01).
 */
export function parseParams(text: string, from: number): Params {
  const params: Param[] = [];
  let i = skipLws(text, from);
  while (i < text.length) {
    if (text.charCodeAt(i) !== SEMICOLON) throw new SipParseError('bad_params', `expected ; in ${excerpt(text)}`);
    i = skipLws(text, i + 1);
    const nameStart = i;
    while (i < text.length && TOKEN[text.charCodeAt(i)] === 1) i++;
    if (i === nameStart) throw new SipParseError('bad_params', `no parameter name in ${excerpt(text)}`);
    const name = text.slice(nameStart, i);
    i = skipLws(text, i);
    if (text.charCodeAt(i) !== EQUALS) {
      params.push({ name, value: undefined });
      continue;
    }
    i = skipLws(text, i + 1);
    const end = text.charCodeAt(i) === QUOTE ? quotedEnd(text, i) : bareValueEnd(text, i);
    if (end < 0) throw new SipParseError('bad_params', `quote without end in ${excerpt(text)}`);
    params.push({ name, value: text.slice(i, end) });
    i = skipLws(text, end);
  }
  return params;
}

function bareValueEnd(text: string, from: number): number {
  let i = from;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === SEMICOLON || isLws(c)) return i;
    if (c < SP || c === QUOTE || c === LESS || c === GREATER || c === COMMA) {
      throw new SipParseError('bad_params', `bad character in a parameter value of ${excerpt(text)}`);
    }
  }
  return i;
}

/** The unquoted value of a parameter; '' if it stands without a value; undefined if it is absent. */
export function param(params: Params, name: string): string | undefined {
  const found = findParam(params, name);
  return found && unquote(found.value ?? '');
}

export function hasParam(params: Params, name: string): boolean {
  return findParam(params, name) !== undefined;
}

function findParam(params: Params, name: string): Param | undefined {
  const lower = name.toLowerCase();
  for (const p of params) if (p.name.length === lower.length && p.name.toLowerCase() === lower) return p;
  return undefined;
}

/** With the parameter set (in its place if it is there, else last). `value` undefined: no `=`. */
export function withParam(params: Params, name: string, value?: string): Params {
  const lower = name.toLowerCase();
  const set: Param = { name, value };
  if (!hasParam(params, name)) return [...params, set];
  return params.map((p) => (p.name.toLowerCase() === lower ? set : p));
}

export function withoutParam(params: Params, name: string): Params {
  const lower = name.toLowerCase();
  return params.filter((p) => p.name.toLowerCase() !== lower);
}

export function formatParams(params: Params): string {
  let text = '';
  for (const p of params) text += p.value === undefined ? `;${p.name}` : `;${p.name}=${p.value}`;
  return text;
}
