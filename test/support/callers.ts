import type { CallerAuthorization } from 'nestjs-switchboard';

const asked = () => Promise.reject(new Error('This test asks nobody about callers'));

/** The callers of a host that is never asked about any. */
export const NO_CALLERS: CallerAuthorization = {
  canIdentify: false,
  identify: asked,
  authorizeChannel: asked,
  authorizeUser: asked,
};
