/** Who a token or a password belongs to. Comparisons take the same time whatever is wrong. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Config, UserConfig } from '../config/schema.ts';

export interface Credentials {
  /** The user of a bearer token; null where it is nobody's. */
  byToken(token: string): UserConfig | null;
  /** The user with this id or extension and password. */
  byPassword(username: string, password: string): UserConfig | null;
  user(userId: string): UserConfig | null;
}

export function createCredentials(config: Config): Credentials {
  const users = new Map(config.users.map((user) => [user.id, user]));
  const extensions = new Map(config.users.map((user) => [user.extension, user]));
  const tokens = config.api.tokens.flatMap((entry) => {
    const user = users.get(entry.user);
    const hash = entry.sha256 === undefined ? digest(entry.token ?? '') : Buffer.from(entry.sha256, 'hex');
    return user === undefined ? [] : [{ user, hash }];
  });
  const nobody = digest('');

  return {
    byToken(token) {
      const hash = digest(token);
      let found: UserConfig | null = null;
      // All are compared, so that the time does not tell which one was nearly right.
      for (const entry of tokens) if (timingSafeEqual(entry.hash, hash)) found = entry.user;
      return token === '' ? null : found;
    },
    byPassword(username, password) {
      const user = users.get(username) ?? extensions.get(username);
      // An unknown user costs the same as a wrong password.
      const same = timingSafeEqual(user === undefined ? nobody : digest(user.password), digest(password));
      return user !== undefined && same ? user : null;
    },
    user: (userId) => users.get(userId) ?? null,
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
