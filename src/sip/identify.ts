/**
 * Whose request it is (the contract's rule of the same name): a From user that is an extension of the directory must prove
 * itself by digest, whatever its source address; any other request is taken from a trunk's host alone; the rest is refused
 * without a hint why. Pure.
 */
import type { UserConfig } from '../config/schema.ts';
import type { Trunks } from './trunks.ts';
import { parseNameAddr } from './uri.ts';

export type Claim =
  | { readonly kind: 'user'; readonly user: UserConfig } // to be proved
  | { readonly kind: 'trunk'; readonly trunkId: string }
  | { readonly kind: 'stranger' };

export class Directory {
  readonly #byExtension: ReadonlyMap<string, UserConfig>;
  readonly #byId: ReadonlyMap<string, UserConfig>;

  constructor(users: readonly UserConfig[]) {
    this.#byExtension = new Map(users.map((user) => [user.extension, user]));
    this.#byId = new Map(users.map((user) => [user.id, user]));
  }

  byExtension(extension: string): UserConfig | null {
    return this.#byExtension.get(extension) ?? null;
  }

  byId(id: string): UserConfig | null {
    return this.#byId.get(id) ?? null;
  }
}

export function claimOf(fromUser: string, sourceAddress: string, directory: Directory, trunks: Trunks): Claim {
  const user = directory.byExtension(fromUser);
  if (user !== null) return { kind: 'user', user };
  const trunkId = trunks.bySource(sourceAddress);
  return trunkId === null ? { kind: 'stranger' } : { kind: 'trunk', trunkId };
}

export interface Caller {
  readonly number: string;
  readonly name: string;
}

/**
 * What a trunk says of its caller: P-Asserted-Identity (RFC 3325; a trunk is trusted) before From. One that names an
 * extension of ours is not believed.
 */
export function callerFromTrunk(from: string, asserted: string | undefined, directory: Directory): Caller {
  const identity = asserted === undefined ? null : parseNameAddr(asserted);
  const number = identity?.uri?.user ?? '';
  if (identity !== null && number !== '' && directory.byExtension(number) === null) {
    return { number, name: identity.name };
  }
  const parsed = parseNameAddr(from);
  return { number: parsed?.uri?.user ?? '', name: parsed?.name ?? '' };
}
