/** Fresh identifiers. `random` yields that many octets; the default is the system's generator. */
import { randomBytes } from 'node:crypto';

export type RandomSource = (octets: number) => Buffer;

/** The mark of an RFC 3261 branch (8.1.1.7). */
export const BRANCH_COOKIE = 'z9hG4bK';

/** At least 32 bits of randomness (RFC 3261 19.3); here 64. */
export function newTag(random: RandomSource = randomBytes): string {
  return random(8).toString('hex');
}

export function newBranch(random: RandomSource = randomBytes): string {
  return BRANCH_COOKIE + random(12).toString('hex');
}

/** No `@`, token-safe. */
export function newCallId(random: RandomSource = randomBytes): string {
  return random(16).toString('hex');
}
