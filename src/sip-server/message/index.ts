export * from './types.ts';
export * from './errors.ts';
export * from './parse.ts';
export * from './serialize.ts';
export * from './headers.ts';
export * from './fields.ts';
export * from './uri.ts';
export * from './response.ts';
export * from './framer.ts';
export * from './ids.ts';
export {
  formatParams,
  hasParam,
  param,
  parseParams,
  quote,
  splitList,
  unquote,
  withParam,
  withoutParam,
} from './scan.ts';
