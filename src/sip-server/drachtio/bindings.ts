/**
 * Which flow a registered contact is reached by: the connection, or the NATed UDP source, that its REGISTER came from
 * (after RFC 5626). Keyed by user, host and port of the Contact.
 */
import { SipParseError } from '../message/errors.ts';
import { parseContacts, parseDeltaSeconds } from '../message/fields.ts';
import { header, headerValues, hasHeader } from '../message/headers.ts';
import { param } from '../message/scan.ts';
import type { NameAddr, SipMessage, SipRequest, SipResponse, SipUri, Uri } from '../message/types.ts';
import { bareHost } from '../message/uri.ts';
import type { Flow } from '../transport/types.ts';

interface Binding {
  readonly flow: Flow;
  readonly until: number;
}

const MAX_BINDINGS = 100_000;
const DEFAULT_EXPIRES = 3600;

export class Bindings {
  readonly #now: () => number;
  readonly #byContact = new Map<string, Binding>();
  readonly #byConnection = new Map<string, Set<string>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#byContact.size;
  }

  /** The flow of a registered contact, while it holds. */
  find(uri: SipUri): Flow | undefined {
    const key = keyOf(uri);
    const binding = key === undefined ? undefined : this.#byContact.get(key);
    if (key === undefined || binding === undefined) return undefined;
    if (binding.until > this.#now()) return binding.flow;
    this.#drop(key);
    return undefined;
  }

  /** A 2xx of ours to a REGISTER that came directly (one Via, no Path) binds what it grants and looses the rest. */
  granted(register: SipRequest, flow: Flow, response: SipResponse): void {
    if (headerValues(register, 'via').length !== 1 || hasHeader(register, 'path')) return;
    const asked = contactsOf(register);
    if (asked === undefined) return;
    const granted = contactsOf(response) ?? [];
    for (const contact of asked) {
      const key = keyOf(contact.uri);
      if (key === undefined || !worthBinding(contact.uri, flow)) continue;
      const match = granted.find((g) => keyOf(g.uri) === key);
      const seconds = match ? expiresOf(match, response, register) : expiresOf(contact, response, register);
      if (seconds > 0) this.#bind(key, { flow, until: this.#now() + seconds * 1000 });
      else this.#drop(key);
    }
  }

  #bind(key: string, binding: Binding): void {
    this.#drop(key);
    if (this.#byContact.size >= MAX_BINDINGS) {
      const oldest = this.#byContact.keys().next().value;
      if (oldest !== undefined) this.#drop(oldest);
    }
    this.#byContact.set(key, binding);
    const { connection } = binding.flow;
    if (connection === undefined) return;
    let keys = this.#byConnection.get(connection);
    if (keys === undefined) this.#byConnection.set(connection, (keys = new Set()));
    keys.add(key);
  }

  #drop(key: string): void {
    const connection = this.#byContact.get(key)?.flow.connection;
    this.#byContact.delete(key);
    if (connection === undefined) return;
    const keys = this.#byConnection.get(connection);
    keys?.delete(key);
    if (keys?.size === 0) this.#byConnection.delete(connection);
  }

  connectionClosed(connection: string): void {
    for (const key of [...(this.#byConnection.get(connection) ?? [])]) this.#drop(key);
  }
}

function keyOf(uri: Uri): string | undefined {
  if (uri.kind !== 'sip' || uri.user === undefined) return undefined;
  return `${uri.user}@${uri.host.toLowerCase()}:${uri.port ?? ''}`;
}

/** A UDP contact that says truly where it came from needs no binding. */
function worthBinding(uri: Uri, flow: Flow): boolean {
  if (flow.connection !== undefined) return true;
  // One that knows its address is at its Contact: it may listen at another port than it sends from.
  return uri.kind === 'sip' && bareHost(uri.host) !== flow.remote.host;
}

function contactsOf(message: SipMessage): readonly NameAddr[] | undefined {
  try {
    const contacts = parseContacts(message);
    return contacts === '*' ? undefined : contacts;
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

function expiresOf(contact: NameAddr, response: SipResponse, register: SipRequest): number {
  const own = param(contact.params, 'expires');
  const values = [own, header(response, 'expires'), header(register, 'expires')];
  for (const value of values) {
    const seconds = value === undefined ? undefined : parseDeltaSeconds(value);
    if (seconds !== undefined) return seconds;
  }
  return DEFAULT_EXPIRES;
}
