import fc from 'fast-check';
import { ManualClock } from '../../../src/adapters/memory/manual-clock.js';
import { readStored, RememberedEvents, storedText } from '../../../src/cluster/redis/remembered-events.js';
import { CACHE_TTL_MS } from '../../../src/ports/cluster.js';

const CHANNEL = 'cache-prices';
const price = (data: string) => ({ event: 'price', data, exceptSocketId: undefined });

function remembered() {
  const clock = new ManualClock();
  const events = new RememberedEvents(clock);
  return { clock, events, data: () => events.get(CHANNEL)?.data };
}

describe('The cached event that a node remembers', () => {
  test('is the event with the highest number, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { minLength: 1 }), (stamps) => {
        const { events, data } = remembered();
        for (const stamp of stamps) events.sent(CHANNEL, price(String(stamp)), stamp);
        expect(data()).toBe(String(Math.max(...stamps)));
      }),
    );
  });

  test('is at once what the node itself sends, until something newer comes', () => {
    const { events, data } = remembered();
    events.sent(CHANNEL, price('theirs'), 5);
    events.sending(CHANNEL, price('ours'));
    expect(data()).toBe('ours');
    // Another node's came to Redis before it, and is heard of after.
    events.sent(CHANNEL, price('between'), 6);
    events.sent(CHANNEL, price('ours'), 7);
    expect(data()).toBe('ours');
    events.sent(CHANNEL, price('late'), 4);
    expect(data()).toBe('ours');
    events.sent(CHANNEL, price('newest'), 8);
    expect(data()).toBe('newest');
  });

  test('is forgotten after half an hour, and with the last subscriber', () => {
    const { clock, events, data } = remembered();
    events.sent(CHANNEL, price('1'), 1);
    clock.advance(CACHE_TTL_MS - 1);
    expect(data()).toBe('1');
    clock.advance(1);
    expect(data()).toBeUndefined();
    events.sent(CHANNEL, price('2'), 2);
    events.forget(CHANNEL);
    expect(data()).toBeUndefined();
    expect(events.toStore(CHANNEL)).toEqual({ text: '', ttlMs: 0 });
  });

  test('can be given back to a Redis that has lost it, for the time that is left', () => {
    const { clock, events } = remembered();
    events.sent(CHANNEL, price('{"a":1}'), 17);
    clock.advance(1_000.5);
    const { text, ttlMs } = events.toStore(CHANNEL);
    expect(ttlMs).toBe(CACHE_TTL_MS - 1_001);
    expect(readStored(text)).toEqual({ event: 'price', data: '{"a":1}', stamp: 17 });
    const other = remembered();
    other.events.stored(CHANNEL, text, ttlMs);
    expect(other.data()).toBe('{"a":1}');
    other.clock.advance(ttlMs);
    expect(other.data()).toBeUndefined();
  });
});

describe('The event as Redis stores it', () => {
  test('is read as it was written', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, fc.option(text, { nil: undefined }), fc.maxSafeNat(), (event, data, stamp) => {
        expect(readStored(`${stamp}${storedText({ event, data })}`)).toEqual({ event, data, stamp });
      }),
    );
  });

  test('is nothing where somebody else wrote it, and reading it never fails', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        for (const each of [text, `1${text}`]) expect(typeof (readStored(each)?.event ?? '')).toBe('string');
      }),
    );
    for (const text of [
      '',
      '1',
      '[]',
      '1[]',
      '1["a"]',
      '1["a",1]',
      '1[1,null]',
      '1["a",null,1]',
      'x["a",null]',
    ]) {
      expect({ text, read: readStored(text) }).toEqual({ text, read: undefined });
    }
    const { events, data } = remembered();
    events.stored(CHANNEL, 'nonsense', 1_000);
    expect(data()).toBeUndefined();
  });
});
