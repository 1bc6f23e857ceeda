const MAX_BYTES = 16;

/** What phones send to keep a NAT open, and is no message: line ends, NULs, blanks, nothing at all. */
export function isKeepAlive(octets: Buffer): boolean {
  if (octets.length > MAX_BYTES) return false;
  return octets.every((c) => c === 0x0d || c === 0x0a || c === 0x00 || c === 0x20);
}
