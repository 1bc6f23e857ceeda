/** The table of `npm run bench`: each figure beside its floor or peer of the same run, and what is wanted of it. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The limit: the most, or with `atLeast` the least, that is acceptable. */
  readonly wanted?: number;
  readonly atLeast?: boolean;
  /** The same work without Earshot, or by another program, measured in this run. */
  readonly floor?: { readonly what: string; readonly value: number };
}

const HEAD = ['figure', 'measured', 'unit', 'floor or peer of this run', 'ratio', 'wanted'];

export function meets(figure: Figure): boolean {
  if (figure.wanted === undefined) return true;
  return figure.atLeast === true ? figure.value >= figure.wanted : figure.value <= figure.wanted;
}

/** Lines of text, columns aligned. */
export function table(figures: readonly Figure[]): string[] {
  const rows = figures.map((figure) => [
    figure.name,
    number(figure.value),
    figure.unit,
    figure.floor === undefined ? '' : `${number(figure.floor.value)} (${figure.floor.what})`,
    figure.floor === undefined || figure.floor.value === 0 ? '' : (figure.value / figure.floor.value).toFixed(2),
    figure.wanted === undefined
      ? ''
      : `${figure.atLeast === true ? '>=' : '<='} ${figure.wanted}${meets(figure) ? '' : ' MISSED'}`,
  ]);
  const all = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(value >= 100 ? 0 : 2);
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
