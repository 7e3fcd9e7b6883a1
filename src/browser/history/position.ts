import { ConnectError } from '../connect-error.js';

/** A place in the log of a channel: the first `offset` events of the log `epoch` are known there. */
export interface Position {
  /** The name of the log. A log that was begun anew has another one. */
  readonly epoch: string;
  /** How many events lie before it. */
  readonly offset: number;
}

/** Reads a position; `undefined` where it is none. */
export function positionIn(text: unknown): Position | undefined {
  const [, epoch, digits] = /^([0-9a-z]{1,32})\.(0|[1-9]\d{0,14})$/.exec(String(text)) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(digits) };
}

/** Writes a position as {@link positionIn} reads it. */
export function textOf({ epoch, offset }: Position): string {
  return `${epoch}.${String(offset)}`;
}

/** The place so many events later in the same log; earlier, where the number is negative. */
export function moved({ epoch, offset }: Position, by: number): Position {
  return { epoch, offset: offset + by };
}

/** Whether two positions are the same place. */
export function isSame(one: Position | undefined, other: Position | undefined): boolean {
  return one !== undefined && other !== undefined && one.epoch === other.epoch && one.offset === other.offset;
}

/** Whether a position is in the log of another one, and at that place or after it. */
export function reaches(position: Position | undefined, other: Position): boolean {
  return position !== undefined && position.epoch === other.epoch && position.offset >= other.offset;
}

/** Reads a position of an option. @throws ConnectError that names the option, the value and what is allowed */
export function sinceIn(value: unknown, option: string): Position {
  const position = positionIn(value);
  if (position !== undefined) return position;
  throw new ConnectError(
    'INVALID_OPTION',
    `${option}: ${JSON.stringify(value)} is not allowed. It must be a position like "k3x9.12", as answers of the backend have it in the header Socket-Position`,
  );
}
