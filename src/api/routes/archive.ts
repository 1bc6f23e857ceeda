/** What is over: history, audit, and closed calls that the controller no longer holds. */
import { once } from 'node:events';
import type { CallView } from '../../call/views.ts';
import type { UserConfig } from '../../config/schema.ts';
import type { Archive, HistoryQuery } from '../../control/archive.ts';
import { Refusal } from '../../call/errors.ts';
import { teamsOf } from '../../control/directory.ts';
import type { TimelineEntry } from '../../control/service.ts';
import { CSV_HEAD, csvLine } from '../csv.ts';
import { route, type Route } from '../route.ts';
import { auditSearch, historyExport, historySearch } from '../schemas/requests.ts';
import { auditPage, historyPage } from '../schemas/views.ts';
import type { Services } from './services.ts';

/** Rows of a CSV export that are read at a time. */
const EXPORT_PAGE = 500;

/** R-START-5: a supervisor sees the calls of the own teams, an admin all, an agent none of others. */
function visibleTeams(user: UserConfig): readonly string[] | null {
  return user.role === 'admin' ? null : user.role === 'supervisor' ? teamsOf(user) : [];
}

function supervisorsOnly(user: UserConfig): void {
  if (user.role === 'agent') throw new Refusal('forbidden', 'This is for supervisors and administrators.');
}

async function archived<T>(
  archive: Archive | null,
  user: UserConfig,
  callId: string,
  live: () => T,
  kept: (archive: Archive, call: CallView) => T | Promise<T>,
): Promise<T> {
  try {
    return live();
  } catch (error) {
    if (archive === null || !(error instanceof Refusal) || error.code !== 'not_found') throw error;
    const found = await archive.call(callId);
    const teams = visibleTeams(user);
    if (found === null || (teams !== null && !found.teams.some((team) => teams.includes(team)))) throw error;
    return kept(archive, found.call);
  }
}

/** The call as the controller knows it, or as it was when it was closed. Throws `not_found` as `live` does. */
export function keptCall(
  archive: Archive | null,
  user: UserConfig,
  callId: string,
  live: () => CallView,
): Promise<CallView> {
  return archived(archive, user, callId, live, (_archive, call) => call);
}

export function keptTimeline(
  archive: Archive | null,
  user: UserConfig,
  callId: string,
  live: () => readonly TimelineEntry[],
): Promise<readonly TimelineEntry[]> {
  return archived(archive, user, callId, live, (kept) => kept.timeline(callId));
}

type Filters = Omit<HistoryQuery, 'teams' | 'limit' | 'text'> & { readonly q?: string };

function historyQuery(user: UserConfig, limit: number, { q, ...filters }: Filters): HistoryQuery {
  return { ...filters, ...(q === undefined ? {} : { text: q }), teams: visibleTeams(user), limit };
}

/** Absent fields are left out, not undefined. */
function given<T extends object>(query: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as never;
}

export function archiveRoutes({ archive }: Services): Route[] {
  if (archive === null) return [];
  const tag = 'History and audit';
  return [
    route({
      method: 'get',
      path: '/history',
      tag,
      summary: 'Closed calls of your teams, newest first',
      query: historySearch,
      status: 200,
      answer: historyPage,
      codes: ['forbidden'],
      handle({ identity: { user }, query }) {
        supervisorsOnly(user);
        const { limit, ...filters } = given(query);
        return archive.history(historyQuery(user, limit, filters));
      },
    }),
    route({
      method: 'get',
      path: '/history.csv',
      tag,
      summary: 'The same, all of it, as CSV',
      query: historyExport,
      status: 200,
      answer: null,
      mediaType: 'text/csv',
      codes: ['forbidden'],
      async handle({ identity: { user }, query, res }) {
        supervisorsOnly(user);
        const search = historyQuery(user, EXPORT_PAGE, given(query));
        // The first page is read before anything is sent, so that a failure is still a problem and not half a file.
        let page = await archive.history(search);
        res.type('text/csv');
        res.setHeader('Content-Disposition', 'attachment; filename="history.csv"');
        res.write(CSV_HEAD);
        for (;;) {
          const text = page.items.map(csvLine).join('');
          if (text !== '' && !res.write(text)) await Promise.race([once(res, 'drain'), once(res, 'close')]);
          if (page.next === null || res.closed) break;
          page = await archive.history({ ...search, after: page.next });
        }
        res.end();
      },
    }),
    route({
      method: 'get',
      path: '/audit',
      tag,
      summary: 'Who supervised whom, when, in which mode, and why it ended (R-SEE-5); for an admin of everyone',
      description: 'A supervisor sees the own supervisions. Records cannot be changed or removed.',
      query: auditSearch,
      status: 200,
      answer: auditPage,
      codes: ['forbidden'],
      handle({ identity: { user }, query }) {
        supervisorsOnly(user);
        const { supervisor, ...filters } = given(query);
        if (user.role !== 'admin' && supervisor !== undefined && supervisor !== user.id) {
          throw new Refusal('forbidden', 'The supervisions of others are for administrators.');
        }
        return archive.audit({ ...filters, supervisor: user.role === 'admin' ? (supervisor ?? null) : user.id });
      },
    }),
  ];
}
