/** The server's log: one line an event, on standard error, so that standard output is the banner's. */
export type Level = 'debug' | 'info' | 'warn' | 'error';
export type Log = (level: Level, message: string) => void;

const ORDER: readonly Level[] = ['debug', 'info', 'warn', 'error'];

/** `least`: what is below it is not written. Line breaks and control characters never reach the log as they are. */
export function createLog(least: Level, write: (line: string) => void, now: () => number = Date.now): Log {
  const from = ORDER.indexOf(least);
  return (level, message) => {
    if (ORDER.indexOf(level) < from) return;
    write(`${new Date(now()).toISOString()} ${level.padEnd(5)} ${printable(message)}`);
  };
}

export function isLevel(text: string): text is Level {
  return (ORDER as readonly string[]).includes(text);
}

/** A peer's text in a message must not forge a line or move the cursor of a terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, (found) => (/^[\r\n\t]+$/.test(found) ? ' | ' : '?'));
}
