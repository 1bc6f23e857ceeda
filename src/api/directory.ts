/** What a user may do and see, as the configuration has it. */
import type { Permission } from '../call/views.ts';
import type { UserConfig } from '../config/schema.ts';
import { permission } from './schemas/views.ts';

/** An admin may do everything; an agent nothing with others' calls; a supervisor what is listed (R-START-5). */
export function permissionsOf(user: UserConfig): readonly Permission[] {
  if (user.role === 'admin') return permission.options;
  return user.role === 'supervisor' ? (user.permissions ?? []) : [];
}

/** The user's own teams: of an agent one, of a supervisor any number. */
export function teamsOf(user: UserConfig): readonly string[] {
  return [...new Set([...(user.team === undefined ? [] : [user.team]), ...(user.teams ?? [])])];
}
