import type { Position } from '../ports/history.js';

const POSITION = /^([0-9a-z]{1,32})\.(\d{1,15})$/;

/** A position as clients and Redis have it. */
export function positionText({ epoch, offset }: Position): string {
  return `${epoch}.${offset}`;
}

/** Reads a position; `undefined` when the text is none. */
export function readPosition(text: unknown): Position | undefined {
  if (typeof text !== 'string') return undefined;
  const [, epoch, offset] = POSITION.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}
