/**
 * What goes to the network, made of what an application writes (protocol.md section 3). Pure. Order of the headers as
 * the real server has it: our own, the known ones, the body's, then the unknown ones.
 */
import { isIPv4 } from 'node:net';
import { SipParseError } from '../message/errors.ts';
import { parseContacts, parseNameAddr, tagOf } from '../message/fields.ts';
import { header, headers } from '../message/headers.ts';
import { newTag } from '../message/ids.ts';
import { reasonPhrase } from '../message/response.ts';
import { splitList } from '../message/scan.ts';
import type { Header, SipRequest, SipResponse, Uri } from '../message/types.ts';
import { bareHost, formatHostPort, formatUri, parseUri, uriParam } from '../message/uri.ts';
import { appHeader, canonicalName } from './app-message.ts';
import type { AppMessage } from './app-message.ts';
import { pooledRandom } from '../transaction/random.ts';

/** How we present ourselves to the peer that a message goes to. */
export interface Self {
  readonly host: string;
  readonly port: number;
  /** `;transport=tcp`, or empty for UDP. */
  readonly transport: string;
}

/** What the application asked for cannot be sent; `message` is the NOK text. */
export class ComposeError extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'ComposeError';
  }
}

/** Never taken from an application. */
const DROPPED = new Set(['via', 'route', 'rseq', 'record-route', 'content-length', 'max-forwards']);
/** Written by the composer in a place of their own. */
const PLACED = new Set(['from', 'to', 'call-id', 'cseq', 'contact', 'content-type']);

function hostPort(self: Self): string {
  return formatHostPort(self.host, self.port);
}

function atLocalhost(value: string, self: Self): string {
  return value.includes('@localhost')
    ? value.replace(/@localhost(?::[0-9]+)?(?=[>;?,\s]|$)/gi, `@${hostPort(self)}`)
    : value;
}

/** A name-addr in angle brackets, as the header parameters of a bare URI need them. Throws SipParseError. */
function bracketed(value: string): string {
  if (value.includes('<')) {
    parseNameAddr(value);
    return value;
  }
  const semicolon = value.indexOf(';');
  const uri = semicolon < 0 ? value : value.slice(0, semicolon);
  const text = `<${uri.trim()}>${semicolon < 0 ? '' : value.slice(semicolon)}`;
  parseNameAddr(text);
  return text;
}

function withTag(party: string, tag: () => string): string {
  return tagOf(parseNameAddr(party)) === undefined ? `${party};tag=${tag()}` : party;
}

/** Contact values of the application; those that stand for us say where we really are. Throws SipParseError. */
function contacts(values: readonly string[], self: Self, rewrite: boolean): string[] {
  return values.map((value) => {
    if (value.trim() === '*') return '*';
    const ours = value.includes('@localhost');
    const text = bracketed(atLocalhost(value, self));
    const address = parseNameAddr(text);
    if (address.uri.kind !== 'sip') return text;
    const host = bareHost(address.uri.host);
    const moved = rewrite && isIPv4(host) && (host !== self.host || (address.uri.port ?? 5060) !== self.port);
    const named = uriParam(address.uri, 'transport') !== undefined || self.transport === '';
    if (!moved && (!ours || named)) return text;
    const uri: Uri = moved
      ? { ...address.uri, host: formatHostPort(self.host, undefined), port: self.port }
      : address.uri;
    const close = text.indexOf('>');
    return `${text.slice(0, text.indexOf('<'))}<${formatUri(uri)}${named ? '' : self.transport}${text.slice(close)}`;
  });
}

interface Rest {
  readonly known: Header[];
  readonly type: Header[];
  readonly unknown: Header[];
}

/** All headers of the application that have no place of their own. */
function restOf(app: AppMessage, self: Self): Rest {
  const rest: Rest = { known: [], type: [], unknown: [] };
  for (const field of app.headers) {
    const lower = field.name.toLowerCase();
    if (DROPPED.has(lower) || PLACED.has(lower)) continue;
    const value = lower === 'p-asserted-identity' ? atLocalhost(field.value, self) : field.value;
    (canonicalName(field.name) === undefined ? rest.unknown : rest.known).push({ name: field.name, value });
  }
  if (app.body.length > 0) rest.type.push({ name: 'Content-Type', value: contentType(app) });
  return rest;
}

function contentType(app: AppMessage): string {
  const own = appHeader(app, 'content-type');
  if (own !== undefined) return own;
  if (app.body.subarray(0, 3).toString('latin1') === 'v=0') return 'application/sdp';
  throw new ComposeError('missing content-type');
}

function tail(rest: Rest, body: Buffer): Header[] {
  return [...rest.known, ...rest.type, { name: 'Content-Length', value: String(body.length) }, ...rest.unknown];
}

function contactValues(app: AppMessage): string[] {
  return app.headers.filter((h) => h.name.toLowerCase() === 'contact').flatMap((h) => splitList(h.value));
}

const NEEDS_CONTACT = new Set(['INVITE', 'SUBSCRIBE']);
const NEEDS_CONTACT_IN_DIALOG = new Set(['INVITE', 'SUBSCRIBE', 'REFER', 'UPDATE', 'NOTIFY']);

function contactHeaders(app: AppMessage, method: string, self: Self, needed: boolean): Header[] {
  const own = contactValues(app);
  if (own.length > 0) {
    return contacts(own, self, method !== 'REGISTER').map((value): Header => ({ name: 'Contact', value }));
  }
  return needed ? [{ name: 'Contact', value: `<sip:${hostPort(self)}${self.transport}>` }] : [];
}

export interface Fresh {
  readonly via: string;
  readonly callId: string;
  readonly cseq: number;
}

/** A request outside any dialog. Throws ComposeError or SipParseError. */
export function composeRequest(app: AppMessage, self: Self, fresh: Fresh): SipRequest {
  if (app.start.kind !== 'request') throw new ComposeError('invalid request');
  const { method, uri } = app.start;
  const from = bracketed(atLocalhost(appHeader(app, 'from') ?? `<sip:${hostPort(self)}>`, self));
  const to = bracketed(atLocalhost(appHeader(app, 'to') ?? `<${uri}>`, self));
  const cseq = /^([0-9]{1,10})\b/.exec(appHeader(app, 'cseq') ?? '')?.[1] ?? String(fresh.cseq);
  const fields: Header[] = [
    { name: 'Via', value: fresh.via },
    { name: 'Max-Forwards', value: maxForwards(app) },
    { name: 'From', value: withTag(from, () => newTag(pooledRandom)) },
    { name: 'To', value: to },
    { name: 'Call-ID', value: appHeader(app, 'call-id') ?? fresh.callId },
    { name: 'CSeq', value: `${cseq} ${method}` },
    ...contactHeaders(app, method, self, NEEDS_CONTACT.has(method)),
    ...tail(restOf(app, self), app.body),
  ];
  return { kind: 'request', method, uri, headers: fields, body: app.body };
}

function maxForwards(app: AppMessage): string {
  const own = appHeader(app, 'max-forwards');
  return own !== undefined && /^[0-9]{1,3}$/.test(own) ? own : '70';
}

/** A request within a dialog: `routing` is the dialog's part (Route, From, To, Call-ID, CSeq). */
export function composeInDialog(
  app: AppMessage,
  self: Self,
  via: string,
  uri: string,
  routing: readonly Header[],
): SipRequest {
  if (app.start.kind !== 'request') throw new ComposeError('invalid request');
  const { method } = app.start;
  const routes = routing.filter((h) => h.name === 'Route');
  const identity = routing.filter((h) => h.name !== 'Route');
  const fields: Header[] = [
    { name: 'Via', value: via },
    ...routes,
    { name: 'Max-Forwards', value: maxForwards(app) },
    ...identity,
    ...contactHeaders(app, method, self, NEEDS_CONTACT_IN_DIALOG.has(method)),
    ...tail(restOf(app, self), app.body),
  ];
  return { kind: 'request', method, uri, headers: fields, body: app.body };
}

const CONTACT_IN_ANSWER = new Set(['INVITE', 'SUBSCRIBE', 'UPDATE', 'REFER']);

export interface ResponseParts {
  readonly toTag: string;
  readonly self: Self;
  /** Given for a reliable provisional response. */
  readonly rseq?: number;
  /** Added behind the application's own (Session-Expires, Require). */
  readonly add?: readonly Header[];
}

/** A response. Throws ComposeError or SipParseError. */
export function composeResponse(request: SipRequest, app: AppMessage, parts: ResponseParts): SipResponse {
  if (app.start.kind !== 'response') throw new ComposeError('invalid response');
  const { status } = app.start;
  const reason = app.start.reason === '' ? reasonPhrase(status) : app.start.reason;
  const { method } = request;
  const success = status >= 200 && status < 300;
  const forms = success || parts.rseq !== undefined;
  const fields: Header[] = headers(request, 'via').map((value): Header => ({ name: 'Via', value }));
  if (status > 100 && status < 300) {
    for (const value of headers(request, 'record-route')) fields.push({ name: 'Record-Route', value });
  }
  const to = header(request, 'to') ?? '';
  fields.push(
    { name: 'From', value: header(request, 'from') ?? '' },
    { name: 'To', value: status === 100 ? to : tagged(to, parts.toTag) },
    { name: 'Call-ID', value: header(request, 'call-id') ?? '' },
    { name: 'CSeq', value: header(request, 'cseq') ?? '' },
  );
  const own = contactValues(app);
  if (own.length > 0) {
    const rewrite = method !== 'REGISTER' && status < 300;
    for (const value of contacts(own, parts.self, rewrite)) fields.push({ name: 'Contact', value });
  } else if (forms && CONTACT_IN_ANSWER.has(method)) {
    fields.push({ name: 'Contact', value: `<sip:${hostPort(parts.self)}${parts.self.transport}>` });
  }
  if (parts.rseq !== undefined) fields.push({ name: 'RSeq', value: String(parts.rseq) });
  fields.push(...tail(withAdded(restOf(app, parts.self), status, parts.add ?? []), app.body));
  return { kind: 'response', status, reason, headers: fields, body: app.body };
}

/** A final response copied whole from another leg may carry the Require of a provisional one (protocol.md 6.6). */
function withAdded(rest: Rest, status: number, add: readonly Header[]): Rest {
  const known = rest.known.filter((h) => status < 200 || h.name !== 'Require' || h.value.toLowerCase() !== '100rel');
  return { ...rest, known: [...known, ...add] };
}

function tagged(to: string, tag: string): string {
  try {
    return withTag(to, () => tag);
  } catch (error) {
    if (error instanceof SipParseError) return to;
    throw error;
  }
}

/** The tag that the application has put into the To of a response. */
export function appToTag(app: AppMessage): string | undefined {
  const to = appHeader(app, 'to');
  if (to === undefined) return undefined;
  const tag = /;\s*tag\s*=\s*([A-Za-z0-9\-.!%*_+`'~]+)/.exec(to)?.[1];
  return tag === undefined || tag === '' ? undefined : tag;
}

/** 10.3: whether the Contact of a REGISTER makes sense: readable, `*` only with Expires 0. */
export function registerContactsValid(register: SipRequest): boolean {
  try {
    return parseContacts(register) !== '*' || (header(register, 'expires') ?? '').trim() === '0';
  } catch (error) {
    if (error instanceof SipParseError) return false;
    throw error;
  }
}

/** Whether a text is a URI at all. */
export function isUri(text: string): boolean {
  try {
    parseUri(text);
    return true;
  } catch (error) {
    if (error instanceof SipParseError) return false;
    throw error;
  }
}
