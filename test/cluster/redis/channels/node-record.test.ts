import { NodeRecord } from '../../../../src/cluster/redis/channels/node-record.js';

const NOBODY = () => ({
  reported: [],
  waiting: [],
  unclaimed: [],
  wasSubscribed: false,
  wasVacating: false,
  rosterVersion: 0,
});

/** A record after a report that Redis has accepted. */
function reported(subscriptions: number): NodeRecord {
  const record = new NodeRecord(0);
  record.reporting(subscriptions);
  record.accepted(1, subscriptions > 0 ? 'node.1' : '', record.resets);
  return record;
}

describe('The record of a node in Redis', () => {
  test('needs a full report until one is accepted, and then the changes only', () => {
    const record = new NodeRecord(0);
    expect([record.mustBeReported, record.wasCounted]).toEqual([false, false]);
    expect(record.fullReport(NOBODY)).toEqual({ ...NOBODY(), countedAs: '' });
    record.reporting(1);
    expect([record.mustBeReported, record.isExact]).toEqual([true, false]);
    expect(record.accepted(1, 'node.1', record.resets)).toBe(true);
    expect([record.isExact, record.wasCounted, record.fullReport(NOBODY)]).toEqual([true, true, undefined]);
  });

  test('knows which report was answered last, and whether there are some that were not', () => {
    const record = new NodeRecord(41);
    expect([record.answered, record.isUnanswered]).toEqual([41, false]);
    record.reporting(1);
    expect([record.answered, record.isUnanswered]).toEqual([41, true]);
    record.accepted(42, 'node.1', record.resets);
    expect([record.answered, record.isUnanswered]).toEqual([42, false]);
    record.reporting(1);
    record.rejected();
    expect([record.answered, record.isUnanswered, record.isExact]).toEqual([42, false, false]);
  });

  test('is absent again after a first report that Redis did nothing with', () => {
    const record = new NodeRecord(0);
    record.reporting(1);
    expect(record.isSure).toBe(false);
    record.rejected();
    expect([record.isSure, record.mustBeReported]).toEqual([true, false]);
    // Nobody knows what became of this one.
    record.reporting(1);
    record.doubt();
    record.reporting(1);
    record.rejected();
    expect([record.isSure, record.mustBeReported]).toEqual([false, true]);
  });

  test('is gone after a report without subscriptions', () => {
    const record = reported(2);
    record.reporting(0);
    expect(record.isExact).toBe(true);
    record.accepted(2, '', record.resets);
    expect([record.isExact, record.mustBeReported, record.wasCounted]).toEqual([false, false, false]);
  });

  test('needs a full report after a failure, under the name that was counted before', () => {
    const record = reported(1);
    record.doubt();
    expect([record.isExact, record.mustBeReported]).toEqual([false, true]);
    expect(record.fullReport(NOBODY)?.countedAs).toBe('node.1');
  });

  test('is doubted only if there may be one, unless Redis has one that the node does not know', () => {
    const record = new NodeRecord(0);
    record.doubt();
    expect(record.mustBeReported).toBe(false);
    record.differs();
    expect(record.mustBeReported).toBe(true);
  });

  test('is exact only after a report that was made since the last reset', () => {
    const record = reported(1);
    const before = record.resets;
    record.reset();
    expect(record.accepted(2, 'node.1', before)).toBe(false);
    expect(record.isExact).toBe(false);
    expect(record.accepted(3, 'node.2', record.resets)).toBe(true);
    expect([record.isExact, record.fullReport(NOBODY)]).toEqual([true, undefined]);
  });

  test('has no registration after a reset, not even one that was under way', () => {
    const record = new NodeRecord(0);
    expect(record.registered(record.resets)).toBe(true);
    expect(record.isRegistered).toBe(true);
    const before = record.resets;
    record.reset();
    expect(record.isRegistered).toBe(false);
    expect(record.registered(before)).toBe(false);
    expect(record.registered(record.resets)).toBe(true);
    record.unsubscribed();
    expect(record.isRegistered).toBe(false);
  });
});
