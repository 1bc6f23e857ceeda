/**
 * What can be understood of a file that may be faulty in places: every field that has the right shape, list entries
 * with their index, and every id that is there at all. So the cross-checks run over the sound part of a faulty file and
 * all faults are found in one go, without one fault causing a second ("unknown team" for a team that is misspelt
 * elsewhere).
 */
import { safeParse, type z } from 'zod';
import {
  apiSchema,
  demoSchema,
  featureCodesSchema,
  mediaSchema,
  queueSchema,
  sipSchema,
  teamSchema,
  tokenSchema,
  trunkSchema,
  userSchema,
} from './schema.ts';

export interface Entry<T> {
  readonly index: number;
  readonly value: T;
}
type Sound<S extends z.ZodType> = Partial<z.infer<S>>;

export interface Draft {
  readonly sip: Sound<typeof sipSchema>;
  readonly media: Sound<typeof mediaSchema>;
  readonly api: Sound<typeof apiSchema>;
  readonly featureCodes: Sound<typeof featureCodesSchema>;
  /** Empty where there is none. */
  readonly demo: Sound<typeof demoSchema>;
  /** sip.listen, entry by entry. */
  readonly listen: readonly Entry<string>[];
  readonly tokens: readonly Entry<Sound<typeof tokenSchema>>[];
  readonly teams: readonly Entry<Sound<typeof teamSchema>>[];
  readonly users: readonly Entry<Sound<typeof userSchema>>[];
  readonly queues: readonly Entry<Sound<typeof queueSchema>>[];
  readonly trunks: readonly Entry<Sound<typeof trunkSchema>>[];
  /** Ids of all entries, sound or not. */
  readonly teamIds: ReadonlySet<string>;
  readonly userIds: ReadonlySet<string>;
}

export function draftOf(raw: unknown): Draft {
  const root = mapOf(raw);
  const sip = fields(sipSchema, root['sip']);
  const listed = sip.listen ?? mapOf(root['sip'])['listen'];
  return {
    sip,
    media: fields(mediaSchema, root['media']),
    api: fields(apiSchema, root['api']),
    featureCodes: fields(featureCodesSchema, root['featureCodes']),
    demo: fields(demoSchema, root['demo']),
    listen: listOf(listed).flatMap((value, index) => (typeof value === 'string' ? [{ index, value }] : [])),
    tokens: entries(tokenSchema, mapOf(root['api'])['tokens']),
    teams: entries(teamSchema, root['teams']),
    users: entries(userSchema, root['users']),
    queues: entries(queueSchema, root['queues']),
    trunks: entries(trunkSchema, root['trunks']),
    teamIds: ids(root['teams']),
    userIds: ids(root['users']),
  };
}

function mapOf(value: unknown): Record<string, unknown> {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isMap ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** The fields that are valid by themselves, with defaults where they are absent. */
function fields<S extends z.ZodObject>(schema: S, value: unknown): Sound<S> {
  const source = mapOf(value);
  const sound: Record<string, unknown> = {};
  for (const [name, field] of Object.entries<z.core.$ZodType>(schema.shape)) {
    const result = safeParse(field, source[name]);
    if (result.success) sound[name] = result.data;
  }
  return sound as Sound<S>;
}

function entries<S extends z.ZodObject>(schema: S, value: unknown): Entry<Sound<S>>[] {
  return listOf(value).map((item, index) => ({ index, value: fields(schema, item) }));
}

function ids(value: unknown): Set<string> {
  return new Set(
    listOf(value)
      .map((item) => mapOf(item)['id'])
      .filter((id) => typeof id === 'string'),
  );
}
