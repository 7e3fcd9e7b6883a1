/** An error that the backend answered with, and its message. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

/**
 * Calls the backend and returns its answer, or throws an {@link ApiError} with a message for the user.
 *
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, token?: string, socketId?: string }} [options]
 */
export async function call(method, path, { body, token, socketId } = {}) {
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (token) headers['Authorization'] = `Bearer ${token}`;
  // The backend leaves out this tab's connection, because this tab already shows the message.
  if (socketId) headers['X-Socket-ID'] = socketId;

  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => {
    throw new ApiError(0, 'The backend cannot be reached. Is it running?');
  });
  const answer = await response.json().catch(() => undefined);
  if (!response.ok) throw new ApiError(response.status, reason(response, answer));
  return answer;
}

// Nest answers with one message as a string or several as a list; a proxy may answer without any.
function reason(response, answer) {
  const message = [answer?.message ?? []].flat().join('. ');
  return message || `The backend answered ${response.status} ${response.statusText}.`;
}
