/** Names to addresses (RFC 3263 section 4, without NAPTR: the protocol is known here). */
import { Resolver, lookup } from 'node:dns/promises';
import type { SrvRecord } from 'node:dns';
import { isIP } from 'node:net';
import { DEFAULT_PORT } from './address.ts';
import { TransportError, transportError } from './errors.ts';
import type { Protocol } from './types.ts';

/** `host` is an address; `serverName` the name asked for, which TLS checks. */
export interface Target {
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
  readonly serverName?: string;
}

/** The two questions asked of the name service. */
export interface NameService {
  srv(name: string): Promise<readonly SrvRecord[]>;
  addresses(name: string): Promise<readonly string[]>;
}

export interface ResolveOptions {
  readonly names?: NameService;
  /** For a number in [0, 1): the choice among SRV records of one priority. */
  readonly random?: () => number;
  /** For all questions together; default 5000. */
  readonly timeoutMs?: number;
}

const SRV_TIMEOUT_MS = 1000;
const SRV_PREFIX: Partial<Record<Protocol, string>> = { udp: '_sip._udp.', tcp: '_sip._tcp.', tls: '_sips._tcp.' };

export const systemNames: NameService = {
  srv: (name) => new Resolver({ timeout: SRV_TIMEOUT_MS, tries: 1 }).resolveSrv(name),
  addresses: async (name) => (await lookup(name, { all: true })).map((a) => a.address),
};

/**
 * The addresses of a host, best first, never none. An address passes as it is (default port where none is given). A name
 * with a port is looked up (A, AAAA); without one its SRV records are asked for first. Rejects with TransportError
 * `not_found` or `timeout`.
 */
export async function resolve(
  host: string,
  port: number | undefined,
  protocol: Protocol,
  options: ResolveOptions = {},
): Promise<readonly Target[]> {
  const bare = host.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0) return [{ protocol, host: bare, port: port ?? DEFAULT_PORT[protocol] }];
  const { names = systemNames, random = Math.random, timeoutMs = 5000 } = options;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TransportError('timeout', `name ${bare}`)), timeoutMs);
  });
  try {
    return await Promise.race([ask(bare, port, protocol, names, random), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function ask(
  name: string,
  port: number | undefined,
  protocol: Protocol,
  names: NameService,
  random: () => number,
): Promise<readonly Target[]> {
  const prefix = SRV_PREFIX[protocol];
  // a name of one label is a host of this network, not a domain
  if (port === undefined && prefix !== undefined && name.includes('.')) {
    const records = await names.srv(prefix + name).catch(() => []);
    const found: Target[] = [];
    for (const record of orderSrv(records, random)) {
      const addresses = await names.addresses(record.name).catch(() => []);
      for (const host of addresses) found.push({ protocol, host, port: record.port, serverName: name });
    }
    if (found.length > 0) return found;
  }
  const addresses = await names.addresses(name).catch((error: unknown) => {
    throw transportError(error, `name ${name}`);
  });
  if (addresses.length === 0) throw new TransportError('not_found', `name ${name} has no address`);
  return addresses.map((host) => ({ protocol, host, port: port ?? DEFAULT_PORT[protocol], serverName: name }));
}

/** By priority; among equals by weighted lot (RFC 2782). */
export function orderSrv(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  const left = [...records];
  const ordered: SrvRecord[] = [];
  while (left.length > 0) {
    const priority = Math.min(...left.map((r) => r.priority));
    const equals = left.filter((r) => r.priority === priority);
    let lot = random() * equals.reduce((sum, r) => sum + r.weight, 0);
    const chosen = equals.find((r) => (lot -= r.weight) < 0) ?? equals[0]!;
    ordered.push(chosen);
    left.splice(left.indexOf(chosen), 1);
  }
  return ordered;
}
