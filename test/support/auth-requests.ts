// How a browser asks the auth endpoints.

export const APP = { id: '7', key: 'the-key', secret: 'the-secret-nobody-may-see' };
export const SOCKET_ID = '1234.5678';
export const ADA = { 'x-member': 'ada' };

export type Answer = readonly [status: number, body: Readonly<Record<string, unknown>>];
export type Send = (
  url: string,
  fields: Record<string, string>,
  headers?: Record<string, string>,
) => Promise<Answer>;

/** Posts as a member whom the headers name, and reads the JSON answer. */
export async function post(
  url: string,
  body: string | URLSearchParams | null,
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', body, headers });
  const text = await response.text();
  // No answer, not even an error, lets anybody learn the secret.
  expect(text).not.toContain(APP.secret);
  return [response.status, JSON.parse(text) as Readonly<Record<string, unknown>>];
}

/** How `pusher-js` and others encode their fields; each sends as the member `ada`. */
export const ENCODINGS: readonly [name: string, send: Send][] = [
  [
    'a form',
    (url, fields, headers) => post(url, new URLSearchParams(fields), { 'x-member': 'ada', ...headers }),
  ],
  [
    'JSON',
    (url, fields, headers) =>
      post(url, JSON.stringify(fields), {
        'Content-Type': 'application/json',
        'x-member': 'ada',
        ...headers,
      }),
  ],
];
/** Posts a form, as nobody unless the headers say so. */
export const form = (...args: Parameters<Send>) => post(args[0], new URLSearchParams(args[1]), args[2] ?? {});
