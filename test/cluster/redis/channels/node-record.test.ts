import { NodeRecord } from '../../../../src/cluster/redis/channels/node-record.js';

const NOTHING = { isDataLost: false, unclaimed: [], wasVacating: false };

/** A record after a report that Redis has accepted. */
function reported(subscriptions: number): NodeRecord {
  const record = new NodeRecord();
  record.reporting(subscriptions);
  record.accepted(subscriptions, 'node.1', record.recovery);
  return record;
}

describe('The record of a node in Redis', () => {
  test('needs a full report until one is accepted, and then the changes only', () => {
    const record = new NodeRecord();
    expect([record.mustBeReported, record.wasCounted]).toEqual([false, false]);
    expect(record.fullReport(() => [['ada', '']])).toEqual({
      ...NOTHING,
      reported: [['ada', '']],
      countedAs: '',
    });
    record.reporting(1);
    expect([record.mustBeReported, record.isExact]).toEqual([true, false]);
    expect(record.accepted(1, 'node.1', record.recovery)).toBe(true);
    expect([record.isExact, record.wasCounted, record.fullReport(() => [])]).toEqual([true, true, undefined]);
  });

  test('is gone after a report without subscriptions', () => {
    const record = reported(2);
    record.reporting(0);
    expect(record.isExact).toBe(true);
    record.accepted(0, 'node.1', record.recovery);
    expect([record.isExact, record.mustBeReported, record.wasCounted]).toEqual([false, false, false]);
  });

  test('needs a full report after a failure, under the name that was counted before', () => {
    const record = reported(1);
    record.doubt();
    expect([record.isExact, record.mustBeReported]).toEqual([false, true]);
    expect(record.fullReport(() => [])).toEqual({ ...NOTHING, reported: [], countedAs: 'node.1' });
  });

  test('is doubted only if there may be one', () => {
    const record = new NodeRecord();
    record.doubt();
    expect(record.mustBeReported).toBe(false);
  });

  test('restores what a reset found, until a report of after the reset is accepted', () => {
    const record = reported(1);
    const before = record.recovery;
    record.reset({ isDataLost: true, unclaimed: [['bob', '']], wasVacating: false });
    expect(record.fullReport(() => [])).toMatchObject({ isDataLost: true, unclaimed: [['bob', '']] });
    expect(record.accepted(1, 'node.1', before)).toBe(false);
    expect([record.isExact, record.recovery?.isDataLost]).toEqual([false, true]);
    expect(record.accepted(1, 'node.2', record.recovery)).toBe(true);
    expect([record.isExact, record.recovery]).toEqual([true, undefined]);
  });

  test.each([
    [{ ...NOTHING, unclaimed: [['bob', '']] as const }, true],
    [{ ...NOTHING, wasVacating: true }, true],
    [{ ...NOTHING, isDataLost: true }, false],
  ])('of a node without subscriptions is reported after the reset %j: %s', (recovery, mustBeReported) => {
    const record = new NodeRecord();
    record.reset(recovery);
    expect(record.mustBeReported).toBe(mustBeReported);
  });

  test('has no registration after a reset, not even one that was under way', () => {
    const record = new NodeRecord();
    expect(record.registered(record.recovery)).toBe(true);
    expect(record.isRegistered).toBe(true);
    const before = record.recovery;
    record.reset(NOTHING);
    expect(record.isRegistered).toBe(false);
    expect(record.registered(before)).toBe(false);
    expect(record.registered(record.recovery)).toBe(true);
    record.unsubscribed();
    expect(record.isRegistered).toBe(false);
  });
});
