import { originAsBrowsersWriteIt } from '../../src/settings/origins.js';

test.each([
  ['https://app.example.com', 'https://app.example.com'],
  ['HTTPS://App.Example.COM', 'https://app.example.com'],
  ['https://app.example.com/', 'https://app.example.com'],
  ['https://app.example.com:443', 'https://app.example.com'],
  ['http://app.example.com:80/', 'http://app.example.com'],
  ['http://app.example.com:443', 'http://app.example.com:443'],
  ['https://Bücher.example', 'https://xn--bcher-kva.example'],
  ['https://*.Bücher.example:8443', 'https://*.xn--bcher-kva.example:8443'],
  ['http://[::1]:3000', 'http://[::1]:3000'],
  ['http://[0:0:0:0:0:0:0:1]', 'http://[::1]'],
  ['capacitor://localhost', 'capacitor://localhost'],
  ['ionic://localhost:8080/', 'ionic://localhost:8080'],
  ['tauri://localhost', 'tauri://localhost'],
  ['app://.', 'app://.'],
  [
    'chrome-extension://Gighmmpiobklfepjocnamgkkbiglidom',
    'chrome-extension://gighmmpiobklfepjocnamgkkbiglidom',
  ],
  [
    'moz-extension://1f0a7a52-8a3c-4a1e-9b5f-6b1a4d3c2b1a',
    'moz-extension://1f0a7a52-8a3c-4a1e-9b5f-6b1a4d3c2b1a',
  ],
  ['file://', 'file://'],
  ['null', 'null'],
])('%s is written %s by browsers', (entry, written) => {
  expect(originAsBrowsersWriteIt(entry)).toBe(written);
});

test.each([
  '',
  '*',
  'app.example.com',
  '//app.example.com',
  'https:app.example.com',
  'https://',
  'https://app.example.com/path',
  'https://app.example.com/?',
  'https://app.example.com#x',
  'https://ada@app.example.com',
  'https://@app.example.com',
  'https://a.*.com',
  'https://*',
  'https://*.*.example.com',
  'https://app*.example.com',
  'https://app.example.com:99999',
  'https://exa mple.com',
  'capacitor://localhost/path',
  'wss://app.example.com',
  'data://x',
  'file:///home/page.html',
  'Null',
])('%s is an origin that no browser sends', (entry) => {
  expect(originAsBrowsersWriteIt(entry)).toBeUndefined();
});
