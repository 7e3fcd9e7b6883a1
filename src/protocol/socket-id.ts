import { randomInt } from 'node:crypto';

const SOCKET_ID = /^\d{1,20}\.\d{1,20}$/;

/** A new socket id, unguessable because it is an authorization input and an exclusion key. Protocol section 3.1. */
export function newSocketId(): string {
  return `${randomInt(1, 2 ** 47)}.${randomInt(1, 2 ** 47)}`;
}

/** Whether a text from outside has the shape of a socket id. */
export function isSocketId(value: unknown): value is string {
  return typeof value === 'string' && SOCKET_ID.test(value);
}
