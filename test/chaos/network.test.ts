import { jest } from '@jest/globals';
import { eventually } from '../support/cluster/waiting.js';
import { BROWSERS, Browsers, NOTES, ROOM } from './support/browsers.js';
import { show, since } from './support/figures.js';

jest.setTimeout(120_000);

/** Long enough for any machine: what is asked is whether it happens, and how fast is a figure. */
const NOTICED_MS = 30_000;

/** The shortest that can be configured: a peer is asked after a second, and given up after another. */
const IMPATIENT = { activityTimeoutS: 1, pongTimeoutS: 1 };
const IMPATIENT_BROWSER_MS = 1_000;
/** Nobody finds out by himself. */
const PATIENT = { activityTimeoutS: 600, pongTimeoutS: 600 };

const typed = { text: 'x'.repeat(500) };

describe('Between browsers and the gateway', () => {
  test('a slow network with jitter costs time and nothing else: nobody reconnects', async () => {
    const browsers = await Browsers.start(PATIENT);
    const { proxy, traffic } = browsers;
    proxy.delay(80, 120);
    await traffic.goesOn(800);
    proxy.delay(0);
    await traffic.isHeardByAll();
    await browsers.settle();
    expect(traffic.figures.cutOff).toBe(0);
    expect(proxy.accepted).toBe(BROWSERS);
    expect(browsers.noise).toEqual([]);
    show('browser: latency of 80 to 200 ms', traffic.figures);
  });

  test('frames that come in pieces of seven bytes are whole, in both directions, and newcomers get in', async () => {
    const browsers = await Browsers.start(PATIENT);
    const { members, proxy, traffic, witness } = browsers;
    proxy.trickle(7);
    const [moves] = members;
    moves?.drop();
    for (const { pusher } of members.slice(1)) pusher.channel(NOTES).trigger('client-typed', typed);
    await eventually(NOTICED_MS, () => {
      expect(witness.payloads('client-typed')).toEqual(members.slice(1).map(() => typed));
      expect(moves?.isReady).toBe(true);
    });
    await traffic.goesOn(200);
    proxy.trickle(undefined);
    await traffic.isHeardByAll();
    await browsers.settle();
    expect(browsers.noise).toEqual([]);
    show('browser: seven bytes at a time', traffic.figures);
  });

  test('a reset in the middle of what the gateway says tears no frame: all come back, and nobody left', async () => {
    const browsers = await Browsers.start(PATIENT);
    const { proxy, traffic } = browsers;
    proxy.tearAfter(40, 'down');
    await eventually(NOTICED_MS, () => {
      expect(proxy.torn).toBe(BROWSERS);
    });
    const torn = performance.now();
    await browsers.areBack();
    const recoveredMs = since(torn);
    await browsers.settle();
    expect(browsers.noise).toEqual([]);
    show('browser: reset within a frame of the gateway', { ...traffic.figures, recoveredMs });
  });

  test('a reset in the middle of what a browser says: nobody hears half of it', async () => {
    const browsers = await Browsers.start(PATIENT);
    const { members, proxy, traffic, witness } = browsers;
    proxy.tearAfter(40, 'up');
    for (const { pusher } of members) pusher.channel(NOTES).trigger('client-typed', typed);
    await eventually(NOTICED_MS, () => {
      expect(proxy.torn).toBe(BROWSERS);
    });
    const torn = performance.now();
    await browsers.areBack();
    const recoveredMs = since(torn);
    expect(witness.payloads('client-typed')).toEqual([]);
    for (const { pusher } of members) pusher.channel(NOTES).trigger('client-typed', typed);
    await eventually(NOTICED_MS, () => {
      expect(witness.payloads('client-typed')).toEqual(members.map(() => typed));
    });
    await browsers.settle();
    expect(browsers.noise).toEqual([]);
    show('browser: reset within a frame of the browser', { ...traffic.figures, recoveredMs });
  });

  test('connections that a firewall forgets are found out by both ends, and who comes back in time has never left', async () => {
    const browsers = await Browsers.start(IMPATIENT, IMPATIENT_BROWSER_MS);
    const { engine, proxy, traffic } = browsers;
    proxy.forget();
    const forgotten = performance.now();
    await browsers.areBack();
    const recoveredMs = since(forgotten);
    await eventually(NOTICED_MS, () => {
      expect(engine.connections).toBe(BROWSERS + 1);
    });
    const freedMs = since(forgotten);
    await browsers.settle();
    expect(traffic.figures.cutOff).toBeGreaterThan(0);
    expect(browsers.noise).toEqual([]);
    show('browser: half-open', { ...traffic.figures, recoveredMs, freedMs });
  });

  test('browsers that are gone without a word are found out: everything of theirs is freed, and that is told once', async () => {
    const browsers = await Browsers.start({ ...IMPATIENT, presenceGraceMs: 200 });
    const { engine, members, proxy, traffic, witness } = browsers;
    await traffic.stop();
    proxy.forget();
    const gone = performance.now();
    for (const { pusher } of members) pusher.disconnect();
    await eventually(NOTICED_MS, () => {
      expect(engine.connections).toBe(1);
      expect(witness.roster(ROOM)).toEqual(['witness']);
    });
    show('browser: gone without a word', { browsers: BROWSERS, freedMs: since(gone) });
    expect([...browsers.noise].sort()).toEqual(members.map(({ id }) => `-${id}`).sort());
    // Its own channel and these two are all that is left.
    expect(engine.channels).toBe(3);
  });

  test('a black hole that ends before anybody noticed costs time and nothing else', async () => {
    const browsers = await Browsers.start(PATIENT);
    const { proxy, traffic } = browsers;
    proxy.swallow();
    await traffic.goesOn(800);
    expect(traffic.figures.delivered).toBeLessThan(traffic.figures.relays);
    proxy.release();
    const released = performance.now();
    await traffic.isHeardByAll();
    const recoveredMs = since(released);
    await browsers.settle();
    expect(traffic.figures.cutOff).toBe(0);
    expect(proxy.accepted).toBe(BROWSERS);
    expect(browsers.noise).toEqual([]);
    show('browser: a short black hole', { ...traffic.figures, recoveredMs });
  });

  test('a black hole that lasts is found out by both ends, and all are back when it is over', async () => {
    const browsers = await Browsers.start(IMPATIENT, IMPATIENT_BROWSER_MS);
    const { engine, members, proxy, traffic } = browsers;
    proxy.swallow();
    await eventually(NOTICED_MS, () => {
      expect(engine.connections).toBe(1);
      expect(members.filter(({ pusher }) => pusher.connection.state === 'connected')).toEqual([]);
    });
    proxy.release();
    const released = performance.now();
    await browsers.areBack();
    const recoveredMs = since(released);
    await browsers.settle();
    expect(browsers.noise).toEqual([]);
    show('browser: a long black hole', { ...traffic.figures, recoveredMs });
  });

  test('browsers that nobody lets in try again without a storm, and are in when somebody does', async () => {
    const browsers = await Browsers.start(PATIENT);
    const { engine, proxy, traffic } = browsers;
    proxy.refuse();
    proxy.cut();
    const refused = performance.now();
    await eventually(NOTICED_MS, () => {
      expect(engine.connections).toBe(1);
      expect(proxy.accepted).toBeGreaterThanOrEqual(2 * BROWSERS);
    });
    const attempts = proxy.accepted - BROWSERS;
    const refusedMs = since(refused);
    proxy.refuse(false);
    const open = performance.now();
    await browsers.areBack();
    const recoveredMs = since(open);
    await browsers.settle();
    expect(browsers.noise).toEqual([]);
    show('browser: refused', { ...traffic.figures, attempts, refusedMs, recoveredMs });
  });
});
