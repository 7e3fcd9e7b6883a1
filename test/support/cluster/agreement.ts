import { Api } from './api.js';
import type { Listening } from './line.js';
import type { Member } from './member.js';

/** Fails unless each of these nodes, asked over its HTTP API, lists exactly these members. */
export async function expectRosterOnNodes(
  nodes: readonly Listening[],
  channel: string,
  ids: readonly string[],
): Promise<void> {
  const rosters = await Promise.all(nodes.map((node) => new Api(node).roster(channel)));
  expect(rosters).toEqual(nodes.map(() => [...ids].sort()));
}

/** Fails unless each of these browsers sees exactly these members, itself among them. */
export function expectRosterInBrowsers(
  browsers: readonly Member[],
  channel: string,
  ids: readonly string[],
): void {
  const seen = browsers.map((member) => [member.id, member.roster(channel)]);
  expect(seen).toEqual(browsers.map(({ id }) => [id, [...ids].sort()]));
}

/** Fails when a browser was told that somebody came who was there, or left who was not. */
export function expectNoContradictions(browsers: readonly Member[]): void {
  expect(browsers.flatMap(({ contradictions }) => contradictions)).toEqual([]);
}
