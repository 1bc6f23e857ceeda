/** Which trunk a request comes from (by its source address alone), and the URIs of calls that go out by one. */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import type { TrunkConfig } from '../config/schema.ts';
import { escapeUser, normaliseAddress, parseUri } from './uri.ts';

export type Resolver = (name: string) => Promise<readonly string[]>;

async function resolveByDns(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map((found) => found.address);
}

interface TrunkEntry {
  readonly id: string;
  readonly fixed: BlockList;
  readonly names: readonly string[];
  resolved: ReadonlySet<string>;
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

export class Trunks {
  readonly #entries: readonly TrunkEntry[];
  readonly #resolve: Resolver;

  /** Throws an Error that names the place in the configuration where a network is none. */
  constructor(trunks: readonly TrunkConfig[], resolve: Resolver = resolveByDns) {
    this.#resolve = resolve;
    this.#entries = trunks.map((trunk, index) => {
      const fixed = new BlockList();
      const names: string[] = [];
      trunk.hosts.forEach((host, at) => {
        const [address = '', prefix] = host.split('/');
        const bare = normaliseAddress(address);
        const version = isIP(bare);
        if (prefix !== undefined && (version === 0 || Number(prefix) > (version === 4 ? 32 : 128))) {
          throw new Error(`trunks[${index}].hosts[${at}]: ${host} is no network; expected one like 192.0.2.0/24`);
        }
        if (version === 0) names.push(host);
        else if (prefix === undefined) fixed.addAddress(bare, family(bare));
        else fixed.addSubnet(bare, Number(prefix), family(bare));
      });
      return { id: trunk.id, fixed, names, resolved: new Set<string>() };
    });
  }

  get hasNames(): boolean {
    return this.#entries.some((entry) => entry.names.length > 0);
  }

  /** Looks the host names up again. A name that cannot be resolved keeps the addresses it had; it is reported. */
  async refresh(onFault: (name: string) => void): Promise<void> {
    for (const entry of this.#entries) {
      const addresses = new Set<string>();
      for (const name of entry.names) {
        try {
          for (const address of await this.#resolve(name)) addresses.add(normaliseAddress(address));
        } catch {
          onFault(name);
          for (const address of entry.resolved) addresses.add(address);
        }
      }
      entry.resolved = addresses;
    }
  }

  /** The trunk whose host this is, null for a stranger. */
  bySource(address: string): string | null {
    const bare = normaliseAddress(address);
    if (isIP(bare) === 0) return null;
    return this.#entries.find((e) => e.fixed.check(bare, family(bare)) || e.resolved.has(bare))?.id ?? null;
  }
}

/** Request URI of a call to a number: the trunk's `outbound` with the number as user. Null where it is no SIP URI. */
export function outboundUri(outbound: string, number: string): string | null {
  const uri = parseUri(outbound);
  if (uri === null || uri.scheme === 'tel') return null;
  const bare = outbound.slice(outbound.indexOf(':') + 1).replace(/^[^@]*@/, '');
  return `${uri.scheme}:${escapeUser(number)}@${bare}`;
}
