/**
 * Frames of the control protocol: `<decimal octets>#<payload>`, both ways. What comes in bits and pieces is put together
 * without copying what is already there more than once.
 */

/** What a frame may hold at most; the real server takes 12 KB. */
export const MAX_FRAME = 1024 * 1024;
const MAX_DIGITS = 7;
const HASH = 0x23;

/** The stream cannot be followed any further: the connection is to be closed. */
export class FramingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FramingError';
  }
}

export function encodeFrame(head: string, message?: Buffer): Buffer {
  const headBytes = Buffer.byteLength(head);
  const total = headBytes + (message?.length ?? 0);
  const prefix = `${total}#`;
  const out = Buffer.allocUnsafe(prefix.length + total);
  out.write(prefix, 0, 'latin1');
  out.write(head, prefix.length, 'utf8');
  message?.copy(out, prefix.length + headBytes);
  return out;
}

export class FrameReader {
  #max: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Payload octets awaited; undefined while the length is being read. */
  #wanted: number | undefined;

  constructor(max: number = MAX_FRAME) {
    this.#max = max;
  }

  /** From now on frames up to this size are taken. */
  allow(max: number): void {
    this.#max = max;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /** The next payload that is whole, if there is one. Throws FramingError; then the stream is lost. */
  next(): Buffer | undefined {
    if (this.#wanted === undefined && !this.#readLength()) return undefined;
    const wanted = this.#wanted!;
    if (this.#buffered < wanted) return undefined;
    const all = this.#joined();
    this.#keep(all.subarray(wanted));
    this.#wanted = undefined;
    return all.subarray(0, wanted);
  }

  #readLength(): boolean {
    if (this.#buffered === 0) return false;
    const all = this.#joined();
    const hash = all.subarray(0, MAX_DIGITS + 1).indexOf(HASH);
    const digits = all.toString('latin1', 0, hash < 0 ? Math.min(all.length, MAX_DIGITS + 1) : hash);
    if (!/^[0-9]*$/.test(digits) || digits.length > MAX_DIGITS || (hash >= 0 && digits === '')) {
      throw new FramingError('no length before #');
    }
    if (hash < 0) return false;
    const length = Number(digits);
    if (length === 0 || length > this.#max) throw new FramingError(`frame of ${length} octets`);
    this.#wanted = length;
    this.#keep(all.subarray(hash + 1));
    return true;
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#buffered = rest.length;
  }
}
