/**
 * Sessions of browsers. The cookie holds a random id and nothing else; the server keeps its hash, so that a dump of its
 * memory or a log is no use for signing in. A session ends by signing out, by idleness, or a day after it began.
 */
import { createHash, randomBytes } from 'node:crypto';

export interface Session {
  readonly key: string;
  readonly userId: string;
  readonly startedAt: number; // ms since the epoch
  usedAt: number;
}

const MAX_AGE_MS = 24 * 60 * 60 * 1000;
/** Signing in once more drops the user's oldest session. */
const MAX_PER_USER = 20;

export class Sessions {
  readonly #idleMs: number;
  readonly #sessions = new Map<string, Session>();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** A new session; the id is for the cookie. */
  create(userId: string, now: number): { id: string; session: Session } {
    this.#sweep(now);
    const own = [...this.#sessions.values()].filter((session) => session.userId === userId);
    for (const old of own.slice(0, Math.max(0, own.length - MAX_PER_USER + 1))) this.#sessions.delete(old.key);
    const id = randomBytes(32).toString('base64url');
    const session = { key: keyOf(id), userId, startedAt: now, usedAt: now };
    this.#sessions.set(session.key, session);
    return { id, session };
  }

  /** The session that a cookie names, and notes that it is in use; null where it is unknown or over. */
  use(id: string, now: number): Session | null {
    const session = this.#sessions.get(keyOf(id));
    return session !== undefined && this.keep(session, now) ? session : null;
  }

  /** Notes that a session is in use (an open event stream). False where it is over. */
  keep(session: Session, now: number): boolean {
    if (this.#sessions.get(session.key) !== session) return false;
    if (this.#isOver(session, now)) {
      this.#sessions.delete(session.key);
      return false;
    }
    session.usedAt = now;
    return true;
  }

  end(session: Session): void {
    this.#sessions.delete(session.key);
  }

  #isOver(session: Session, now: number): boolean {
    return now - session.usedAt > this.#idleMs || now - session.startedAt > MAX_AGE_MS;
  }

  #sweep(now: number): void {
    for (const session of this.#sessions.values()) if (this.#isOver(session, now)) this.#sessions.delete(session.key);
  }
}

function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}
