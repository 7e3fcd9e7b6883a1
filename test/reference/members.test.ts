import { EventBus } from '@nestjs/cqrs';
import { SocketFake, SocketTestingModule } from 'nestjs-switchboard/testing';
import { AfterMemberDeactivated } from '../../src/reference/members/after-member-deactivated.js';
import { MemberDeactivated } from '../../src/reference/members/member-deactivated.js';
import { type ReferenceBackend, startReferenceBackend } from '../support/reference-backend.js';

describe('the reference backend', () => {
  let backend: ReferenceBackend;
  let fake: SocketFake;

  beforeEach(async () => {
    backend = await startReferenceBackend({ SOCKET_PROVIDER: 'memory' }, [SocketTestingModule]);
    fake = backend.app.get(SocketFake);
  });
  afterEach(() => backend.app.close());

  test('deactivating saves, relays, then disconnects, in that order', async () => {
    const ada = await fake.connect('ada');
    const relayed = await fake.captured(() => backend.call('POST', '/members/ada/deactivate'));
    expect(relayed.map(({ kind, to, event }) => ({ kind, to, event }))).toEqual([
      { kind: 'member', to: 'ada', event: 'MEMBER_DEACTIVATED' },
      { kind: 'disconnect', to: 'ada', event: undefined },
    ]);
    expect(ada).toHaveReceived(
      'MEMBER_DEACTIVATED',
      ({ memberId }: { memberId: string }) => memberId === 'ada',
    );
    expect(ada).toBeDisconnected();
  });

  test('deactivating twice, or nobody, relays nothing', async () => {
    await backend.call('POST', '/members/ada/deactivate');
    await fake.settled();
    fake.forget();
    expect(await backend.call('POST', '/members/ada/deactivate')).toMatchObject({ status: 409 });
    expect(await backend.call('POST', '/members/nobody/deactivate')).toMatchObject({ status: 404 });
    await fake.settled();
    fake.assertNothingRelayed();
  });

  test('a provider that is down does not fail the deactivation, and the failed handler is logged and not fatal', async () => {
    const errors: unknown[] = [];
    backend.app.useLogger({
      log: () => undefined,
      warn: () => undefined,
      error: (...words: unknown[]) => errors.push(words.join(' ')),
    });
    fake.faults.goDown();
    expect(await backend.call('POST', '/members/ada/deactivate')).toMatchObject({ status: 200 });
    await fake.settled();
    fake.faults.comeBack();
    expect(errors.join()).toContain('unhandled exception');
    const handler = backend.app.get(AfterMemberDeactivated);
    await handler.handle(new MemberDeactivated('alan', new Date().toISOString()));
    fake.assertRelayed('alan', 'MEMBER_DEACTIVATED');
  });

  test('with SOCKET_FAILURE=report the handler goes on to disconnect after a lost relay', async () => {
    const reporting = await startReferenceBackend({ SOCKET_PROVIDER: 'memory', SOCKET_FAILURE: 'report' }, [
      SocketTestingModule,
    ]);
    const reportingFake = reporting.app.get(SocketFake);
    reportingFake.faults.failNext();
    reporting.app.get(EventBus).publish(new MemberDeactivated('ada', new Date().toISOString()));
    await reportingFake.settled();
    reportingFake.assertDisconnected('ada');
    await reporting.app.close();
  });

  test('a message is not sent back to the connection that sent it', async () => {
    const [sender, other] = [await fake.connect('ada'), await fake.connect('ada')];
    const headers = { ...(await backend.signIn('ada')), 'X-Socket-ID': sender.socketId };
    await backend.call('POST', '/members/ada/messages', { text: 'note to self' }, headers);
    expect(sender).toHaveReceivedNothing();
    expect(other).toHaveReceived('MEMBER_MESSAGED', { from: 'ada', text: 'note to self' });
  });

  test('everybody connected hears an announcement', async () => {
    const members = [await fake.connect('ada'), await fake.connect('alan')];
    expect(await backend.call('POST', '/broadcast', { message: 'hello' })).toMatchObject({ status: 202 });
    for (const member of members) expect(member).toHaveReceived('ANNOUNCED', { message: 'hello' });
  });

  test('the lobby shows members under their names', async () => {
    const ada = await fake.connect({ id: 'ada', info: { name: 'Ada Lovelace' } });
    await ada.subscribe('presence-lobby');
    expect(ada.present('presence-lobby')).toEqual([{ id: 'ada', info: { name: 'Ada Lovelace' } }]);
    await expect(ada.subscribe('presence-other')).rejects.toThrow('no authorizer admits this member');
  });

  test.each([
    ['POST', '/session', {}, 400, 'memberId'],
    ['POST', '/session', { memberId: 7 }, 400, 'memberId'],
    ['POST', '/session', '{', 400, ''],
    ['POST', '/session', { memberId: 'nobody' }, 404, 'nobody'],
    ['POST', '/members', {}, 400, 'name'],
    ['POST', '/members', { name: '  ' }, 400, 'name'],
    ['POST', '/members', { id: 'a b', name: 'A' }, 400, 'id'],
    ['POST', '/members', { id: '..', name: 'A' }, 400, 'id'],
    ['POST', '/members', { id: 'ada', name: 'A' }, 409, 'ada'],
    ['POST', '/members/ada/messages', { text: 'x' }, 401, 'token'],
    ['POST', '/members/ada/messages', {}, 400, 'text'],
    ['POST', '/broadcast', {}, 400, 'message'],
    ['POST', '/broadcast', { message: 'x'.repeat(2_001) }, 400, 'message'],
  ])('%s %s with %j is answered %i and names %j', async (method, path, body, status, named) => {
    const answer = await backend.call(method, path, body);
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).toContain(named);
    fake.assertNothingRelayed();
  });

  test('a message needs a known member and a valid token, and no header of the browser can fail it', async () => {
    const headers = await backend.signIn('ada');
    const call = (path: string, more = {}) =>
      backend.call('POST', path, { text: 'x' }, { ...headers, ...more });
    for (const id of ['nonsense', 'undefined', '', '1.2, 3.4'])
      expect(await call('/members/alan/messages', { 'X-Socket-ID': id })).toMatchObject({ status: 202 });
    expect(await call('/members/nobody/messages')).toMatchObject({ status: 404 });
    expect(await call('/members/alan/messages', { Authorization: 'Bearer forged' })).toMatchObject({
      status: 401,
    });
  });

  test('a new member gets an id, is listed and can sign in', async () => {
    const { status, body } = await backend.call('POST', '/members', { name: 'Barbara Liskov' });
    expect(status).toBe(201);
    const { id } = body as { id: string };
    expect(body).toEqual({ id, name: 'Barbara Liskov', status: 'active' });
    expect(await backend.call('POST', '/session', { memberId: id })).toMatchObject({ status: 200 });
  });

  test('health tells the provider and its connections, and 503 while it is down', async () => {
    await fake.connect('ada');
    expect(await backend.call('GET', '/health')).toMatchObject({
      status: 200,
      body: { provider: 'memory', status: 'up', connections: 1 },
    });
    fake.faults.goDown();
    expect(await backend.call('GET', '/health')).toMatchObject({
      status: 503,
      body: { provider: 'memory', status: 'down' },
    });
  });
});
