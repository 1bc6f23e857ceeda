/** Random octets, asked of the system a page at a time: tags and branches are wanted by the thousand. */
import { randomFillSync } from 'node:crypto';

const PAGE = 8192;
const page = Buffer.allocUnsafe(PAGE);
let used = PAGE;

/** Octets that nobody else gets; valid until the next call, so to be used at once. */
export function pooledRandom(octets: number): Buffer {
  if (used + octets > PAGE) {
    randomFillSync(page);
    used = 0;
  }
  const taken = page.subarray(used, used + octets);
  used += octets;
  return taken;
}
