/**
 * The bindings of the registrar (RFC 3261 section 10.3): which contacts a user can be called at. Pure: `now` (ms since the
 * epoch) is passed in; nothing here knows of transports or authentication.
 *
 * Invariant: a REGISTER is applied whole or not at all, and an older one of the same Call-ID never undoes a newer one.
 */
import type { ContactView } from '../call/views.ts';
import { normaliseAddress, parseNameAddr, parseUri, splitOutside, uriKey } from './uri.ts';

export type ContactTransport = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

export interface Source {
  readonly address: string;
  readonly port: number;
  readonly transport: ContactTransport;
}

export interface Binding {
  readonly key: string;
  readonly uri: string;
  /** `+sip.instance` and reg-id (RFC 5626), by which a phone that has restarted is known again; null without. */
  readonly instance: string | null;
  readonly callId: string;
  readonly cseq: number;
  readonly expiresAt: number;
  readonly source: Source;
  readonly userAgent: string | null;
  /** Path of the REGISTER (RFC 3327), in order. */
  readonly path: readonly string[];
}

export interface RegisterRequest {
  readonly callId: string;
  readonly cseq: number;
  /** Contact header as received, null where there is none (a query). */
  readonly contact: string | null;
  readonly expires: string | null;
  readonly source: Source;
  readonly userAgent: string | null;
  readonly path: readonly string[];
}

export interface RegistrarLimits {
  readonly minExpires: number; // s; shorter is answered 423
  readonly defaultExpires: number; // s
  readonly maxExpires: number; // s; longer is cut down
  readonly maxContacts: number; // per user; the one refreshed longest ago gives way
}

export const DEFAULT_LIMITS: RegistrarLimits = {
  minExpires: 10,
  defaultExpires: 3600,
  maxExpires: 7200,
  maxContacts: 10,
};

export type RegisterResult =
  | { readonly kind: 'ok'; readonly bindings: readonly Binding[]; readonly changed: boolean }
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string };

interface WantedContact {
  readonly key: string;
  readonly uri: string;
  readonly instance: string | null;
  readonly expires: number; // s
}

const MAX_CONTACTS_IN_REQUEST = 20;

export class Registrar {
  readonly #limits: RegistrarLimits;
  readonly #users = new Map<string, Map<string, Binding>>();

  constructor(limits: RegistrarLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  bindings(userId: string, now: number): readonly Binding[] {
    return [...(this.#users.get(userId)?.values() ?? [])].filter((b) => b.expiresAt > now);
  }

  contacts(userId: string, now: number): readonly ContactView[] {
    return this.bindings(userId, now).map(toView);
  }

  register(userId: string, request: RegisterRequest, now: number): RegisterResult {
    const current = this.#current(userId, now);
    if (request.contact === null) return { kind: 'ok', bindings: [...current.values()], changed: false };
    const wanted =
      request.contact.trim() === '*' ? this.#allOff(current, request) : this.#wanted(request.contact, request.expires);
    if ('kind' in wanted) return wanted;
    const next = new Map(current);
    for (const contact of wanted) {
      const old = next.get(contact.key) ?? sameInstance(next, contact.instance);
      if (old !== undefined && old.callId === request.callId && request.cseq <= old.cseq) {
        return refused(500, 'Out of Order');
      }
      if (old !== undefined) next.delete(old.key);
      if (contact.expires > 0) next.set(contact.key, newBinding(contact, request, now));
    }
    while (next.size > this.#limits.maxContacts) {
      const oldest = next.keys().next();
      if (oldest.done === true) break;
      next.delete(oldest.value);
    }
    if (next.size === 0) this.#users.delete(userId);
    else this.#users.set(userId, next);
    return { kind: 'ok', bindings: [...next.values()], changed: differs(current, next) };
  }

  /** Bindings of phones that hold a connection, by user. */
  connected(now: number): readonly { readonly userId: string; readonly binding: Binding }[] {
    return [...this.#users.keys()].flatMap((userId) =>
      this.bindings(userId, now)
        .filter((binding) => binding.source.transport !== 'udp')
        .map((binding) => ({ userId, binding })),
    );
  }

  /** Removes one binding (its connection has gone). True where it was there. */
  remove(userId: string, key: string): boolean {
    return this.#users.get(userId)?.delete(key) ?? false;
  }

  /** Removes what has expired; the users whose contacts that changes. */
  expire(now: number): readonly string[] {
    const changed: string[] = [];
    for (const [userId, bindings] of this.#users) {
      const before = bindings.size;
      for (const [key, binding] of bindings) if (binding.expiresAt <= now) bindings.delete(key);
      if (bindings.size !== before) changed.push(userId);
      if (bindings.size === 0) this.#users.delete(userId);
    }
    return changed;
  }

  /** When the next binding expires; null where there is none. */
  nextExpiry(): number | null {
    let next: number | null = null;
    for (const bindings of this.#users.values()) {
      for (const { expiresAt } of bindings.values()) if (next === null || expiresAt < next) next = expiresAt;
    }
    return next;
  }

  #current(userId: string, now: number): Map<string, Binding> {
    const live = [...(this.#users.get(userId) ?? [])].filter(([, b]) => b.expiresAt > now);
    return new Map(live);
  }

  /** `Contact: *` takes all off, and only with `Expires: 0` (section 10.2.2). */
  #allOff(current: ReadonlyMap<string, Binding>, request: RegisterRequest): WantedContact[] | Refused {
    if (request.expires === null || !/^0+$/.test(request.expires.trim())) {
      return refused(400, 'Contact * needs Expires 0');
    }
    return [...current.values()].map((b) => ({ key: b.key, uri: b.uri, instance: null, expires: 0 }));
  }

  #wanted(contact: string, expires: string | null): WantedContact[] | Refused {
    const wanted: WantedContact[] = [];
    for (const value of splitOutside(contact, ',')) {
      const parsed = parseNameAddr(value);
      const uri = parsed?.uri ?? null;
      if (parsed === null || uri === null || uri.scheme === 'tel' || uri.host === '') {
        return refused(400, 'Bad Contact');
      }
      const seconds = this.#seconds(parsed.params.get('expires') ?? expires);
      if (seconds > 0 && seconds < this.#limits.minExpires) return refused(423, 'Interval Too Brief');
      const instance = parsed.params.get('+sip.instance') ?? null;
      wanted.push({
        key: uriKey(uri),
        uri: parsed.uriText,
        instance: instance === null ? null : `${instance};${parsed.params.get('reg-id') ?? ''}`,
        expires: Math.min(seconds, this.#limits.maxExpires),
      });
    }
    return wanted.length > MAX_CONTACTS_IN_REQUEST ? refused(400, 'Too many Contacts') : wanted;
  }

  /** A malformed value counts as the default (section 20.19 by way of 10.2.1.1). */
  #seconds(text: string | null): number {
    return text !== null && /^\d{1,10}$/.test(text.trim()) ? Number(text) : this.#limits.defaultExpires;
  }
}

type Refused = Extract<RegisterResult, { kind: 'refused' }>;

function refused(status: number, reason: string): Refused {
  return { kind: 'refused', status, reason };
}

function newBinding(contact: WantedContact, request: RegisterRequest, now: number): Binding {
  const { callId, cseq, source, userAgent, path } = request;
  const { key, uri, instance } = contact;
  return { key, uri, instance, callId, cseq, expiresAt: now + contact.expires * 1000, source, userAgent, path };
}

function sameInstance(bindings: ReadonlyMap<string, Binding>, instance: string | null): Binding | undefined {
  return instance === null ? undefined : [...bindings.values()].find((b) => b.instance === instance);
}

/** A refresh of the same contacts from the same places is no change. */
function differs(a: ReadonlyMap<string, Binding>, b: ReadonlyMap<string, Binding>): boolean {
  if (a.size !== b.size) return true;
  for (const [key, binding] of b) {
    const old = a.get(key)?.source;
    const { address, port, transport } = binding.source;
    if (old?.address !== address || old.port !== port || old.transport !== transport) return true;
  }
  return false;
}

function toView(binding: Binding): ContactView {
  return {
    uri: binding.uri,
    transport: binding.source.transport,
    userAgent: binding.userAgent,
    expiresAt: new Date(binding.expiresAt).toISOString(),
  };
}

/** The Contact header of a 200 (section 10.3 step 8). */
export function formatBindings(bindings: readonly Binding[], now: number): string {
  return bindings.map((b) => `<${b.uri}>;expires=${Math.max(0, Math.ceil((b.expiresAt - now) / 1000))}`).join(', ');
}

/** Where an INVITE for this binding goes: the request URI, and the next hop where that is another address. */
export function bindingRoute(binding: Binding): { readonly uri: string; readonly proxy: string | null } {
  const path = binding.path[0];
  const hop = path === undefined ? null : (parseNameAddr(path)?.uriText ?? null);
  if (hop !== null) return { uri: binding.uri, proxy: hop };
  // Over a connection the server finds the phone by the binding of its 200; over UDP a phone that is wrong about its address
  // is where its REGISTER came from (NAT, RFC 3581). One that is right about it may listen at another port than it sends from.
  if (binding.source.transport !== 'udp' || knowsItsAddress(binding)) return { uri: binding.uri, proxy: null };
  const { address, port } = binding.source;
  const host = address.includes(':') ? `[${address}]` : address;
  return { uri: binding.uri, proxy: `sip:${host}:${port};transport=udp` };
}

/** Whether it can be called although its connection has gone, or without one: it is a phone that listens at its Contact. */
export function listens(binding: Binding): boolean {
  const { transport } = binding.source;
  return transport === 'udp' || ((transport === 'tcp' || transport === 'tls') && knowsItsAddress(binding));
}

function knowsItsAddress({ uri, source }: Binding): boolean {
  return normaliseAddress(parseUri(uri)?.host ?? '') === source.address;
}
