import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { Controller, Get, Header, NotFoundException, Param, StreamableFile } from '@nestjs/common';

const CONTENT_TYPES = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.mjs', 'text/javascript; charset=utf-8'],
]);

const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  // The socket may connect to another host: hosted Pusher, or a gateway with a port of its own.
  "connect-src 'self' ws: wss: https:",
  "img-src 'self' data:",
  "style-src 'self'",
].join('; ');

interface Asset {
  readonly type: string;
  readonly content: Buffer;
}

const PAGE = asset('public/index.html');

// The files are read once, here, so no path from a request reaches the file system.
const ASSETS = new Map<string, Asset>([
  ['switchboard.js', browserHelper()],
  ['style.css', asset('public/style.css')],
  ['api.js', asset('public/api.js')],
  ['dom.js', asset('public/dom.js')],
  ['lobby.js', asset('public/lobby.js')],
  ['log.js', asset('public/log.js')],
  ['page.js', asset('public/page.js')],
  ['roster.js', asset('public/roster.js')],
  ['socket.io.js', read(createRequire(__filename).resolve('socket.io-client/dist/socket.io.js'))],
  ['pusher.min.js', read(createRequire(__filename).resolve('pusher-js/dist/web/pusher.min.js'))],
]);

/** Serves the live page of the reference backend, and no other files. */
@Controller()
export class PageController {
  @Get()
  @Header('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  @Header('X-Content-Type-Options', 'nosniff')
  @Header('Cache-Control', 'no-cache')
  page(): StreamableFile {
    return send(PAGE);
  }

  @Get('assets/:name')
  @Header('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  @Header('X-Content-Type-Options', 'nosniff')
  @Header('Cache-Control', 'no-cache')
  asset(@Param('name') name: string): StreamableFile {
    const found = ASSETS.get(name);
    if (!found) throw new NotFoundException(`There is no asset "${name}".`);
    return send(found);
  }
}

/** Makes a new stream for every request, because a stream can be read only once. */
function send({ type, content }: Asset): StreamableFile {
  return new StreamableFile(content, { type, length: content.length });
}

function asset(path: string): Asset {
  return read(join(__dirname, path));
}

/**
 * The built browser helper, which `npm run build` makes. A test runs this file from `src`, where the helper is TypeScript, so it
 * comes from `dist` then.
 */
function browserHelper(): Asset {
  const built = 'browser/index.mjs';
  const beside = join(__dirname, '../..', built);
  return read(existsSync(beside) ? beside : join(__dirname, '../../../dist', built));
}

function read(file: string): Asset {
  const type = CONTENT_TYPES.get(extname(file));
  if (!type) throw new Error(`The page has no content type for "${file}".`);
  return { type, content: readFileSync(file) };
}
