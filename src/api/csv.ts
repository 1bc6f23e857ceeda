/** Closed calls as CSV (RFC 4180), fit for a spreadsheet. */
import type { CallView } from '../call/views.ts';

const COLUMNS: Readonly<Record<string, (call: CallView) => string | number | null>> = {
  id: (call) => call.id,
  startedAt: (call) => call.startedAt,
  answeredAt: (call) => call.answeredAt,
  endedAt: (call) => call.endedAt,
  direction: (call) => call.direction,
  customerNumber: (call) => call.customer.number,
  customerName: (call) => call.customer.name,
  agentId: (call) => call.agent?.id ?? null,
  agentName: (call) => call.agent?.name ?? null,
  team: (call) => call.agent?.team ?? null,
  queue: (call) => call.queue,
  waitSeconds: (call) => call.waitSeconds,
  talkSeconds: (call) => call.talkSeconds,
  endReason: (call) => call.endReason,
  supervisedBy: (call) => [...new Set(call.supervisions.map(({ supervisor }) => supervisor.name))].join('; '),
};

export const CSV_HEAD = `${Object.keys(COLUMNS).join(',')}\r\n`;

export function csvLine(call: CallView): string {
  const fields = Object.values(COLUMNS).map((column) => csvField(column(call)));
  return `${fields.join(',')}\r\n`;
}

/**
 * A field. A spreadsheet takes a text that begins with = + - @ (or a tab or return) for a formula, and a caller chooses
 * the own name: such a text gets an apostrophe before it. A telephone number may keep its plus.
 */
function csvField(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const risky = /^[=+\-@\t\r]/.test(value) && !/^\+\d+$/.test(value);
  const text = risky ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
